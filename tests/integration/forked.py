"""The command line run again and again: loaded once, forked for each run (tests/crash/forks.c)."""

import contextlib
import os
import struct
import subprocess

import ledgerlib

FORKS = ledgerlib.BUILD / "tests" / "crash" / "crash-forks.so"


class Forked:
    """One command; run() returns (exit status, standard output, standard error), the status negative for a signal."""

    def __init__(self, folder, *arguments):
        folder.mkdir(parents=True)
        self.paths = folder / "out", folder / "err"
        server_in, self.to = os.pipe()
        self.back, server_out = os.pipe()
        env = ledgerlib.clean_environment({
            "LD_PRELOAD": str(FORKS), "LD_BIND_NOW": "1", "CRASH_FORKS": f"{server_in} {server_out}",
            "CRASH_FORKS_OUT": str(self.paths[0]), "CRASH_FORKS_ERR": str(self.paths[1])})
        self.process = subprocess.Popen([str(ledgerlib.CLI), *map(str, arguments)], env=env,
                                        stdin=subprocess.DEVNULL, pass_fds=(server_in, server_out))
        os.close(server_in)
        os.close(server_out)

    def run(self):
        os.write(self.to, b".")
        answer = os.read(self.back, 4)
        assert len(answer) == 4, "the program ended before it was asked to run"
        status = os.waitstatus_to_exitcode(struct.unpack("i", answer)[0])
        return status, self.paths[0].read_bytes(), self.paths[1].read_bytes()

    def close(self):
        os.close(self.to)
        os.close(self.back)
        self.process.wait(ledgerlib.STOP_SECONDS)


@contextlib.contextmanager
def commands(folder, **arguments):
    """{name: Forked} of {name: its arguments}."""
    forked = {}
    try:
        for name, words in arguments.items():
            forked[name] = Forked(folder / name, *words)
        yield forked
    finally:
        for one in forked.values():
            one.close()
