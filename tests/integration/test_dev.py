"""./dev as a person uses it: what it says without rights, with a busy port, and from start to Ctrl-C."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import ledgerlib
import pytest

DEV = ledgerlib.ROOT / "dev"
UP_SECONDS = 120


def run_dev(*arguments, dev=DEV, env=None, command=()):
    return subprocess.run([*command, str(dev), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env=ledgerlib.clean_environment(env), timeout=UP_SECONDS, check=False)


def test_help_lists_the_verbs_and_a_wrong_verb_is_wrong_use():
    done = run_dev("--help")
    assert done.returncode == 0
    for verb in ("up", "build", "test", "bench", "lint", "crash", "fuzz", "clean"):
        assert f"\n  {verb} " in done.stdout
    assert run_dev("upp").returncode == 2


@pytest.fixture
def bare_machine():
    """A folder for a PATH where nothing is installed or gives rights; everybody can read ./dev there."""
    with tempfile.TemporaryDirectory(prefix="mcpledger-dev-") as name:
        folder = Path(name)
        shutil.copy(DEV, folder)
        for tool in ("dpkg-query", "sudo"):
            (folder / tool).write_text("#!/bin/sh\nexit 1\n")
            (folder / tool).chmod(0o755)
        folder.chmod(0o755)
        yield folder


def test_without_rights_it_prints_the_exact_command_and_exits_3(bare_machine):
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    env = {"PATH": f"{bare_machine}:{os.environ['PATH']}"}
    done = run_dev("build", dev=bare_machine / "dev", env=env, command=command)
    assert done.returncode == 3, done.stderr
    assert "sudo apt-get install --no-install-recommends gcc g++" in done.stderr
    assert "liblmdb-dev" in done.stderr


class Up:
    """`./dev up` in a process group of its own, as a terminal would run it: Ctrl-C is not ignored, though we may."""

    def __init__(self, folder, **env):
        self.log = folder / "up.log"
        env = {"MCPLEDGER_STORE_DIR": str(folder / "store"), "MCPLEDGER_UDP_LISTEN": "127.0.0.1:0", **env}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(["env", "--default-signal=INT", str(DEV), "up"], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=ledgerlib.clean_environment(env),
                                            start_new_session=True)

    def output(self):
        return self.log.read_text()

    def wait_for(self, words):
        def said():
            assert self.process.poll() is None, self.output()
            return words in self.output()

        ledgerlib.wait_until(said, self.output, UP_SECONDS)

    def press_ctrl_c(self):
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(UP_SECONDS)


def test_up_names_a_busy_port_with_its_setting(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        up = Up(tmp_path, MCPLEDGER_HTTP_LISTEN=f"127.0.0.1:{busy.getsockname()[1]}")
        assert up.process.wait(UP_SECONDS) == 1
    assert "http.listen" in up.output()
    assert "MCPLEDGER_HTTP_LISTEN=127.0.0.1:7374" in up.output()


def test_up_shows_a_demo_and_ctrl_c_stops_it_cleanly(tmp_path):
    up = Up(tmp_path, MCPLEDGER_HTTP_LISTEN="127.0.0.1:0")
    try:
        up.wait_for("Ctrl-C stops it.")
        offered = [line.strip() for line in up.output().splitlines() if line.startswith(("  build/", "  curl "))]
        assert len(offered) == 3, up.output()
        for command in offered:
            done = subprocess.run(command, shell=True, cwd=ledgerlib.ROOT, capture_output=True, text=True,
                                  env=ledgerlib.clean_environment(), timeout=60, check=False)
            assert done.returncode == 0, f"{command}: {done.stderr}"
            assert done.stdout.strip(), command
    finally:
        status = up.press_ctrl_c()
    assert status == 0, up.output()
    assert "stopped; the events are in" in up.output()


def test_up_loads_the_demo_only_into_a_store_without_events(tmp_path):
    counts = []
    for _ in range(2):
        up = Up(tmp_path, MCPLEDGER_HTTP_LISTEN="127.0.0.1:0")
        try:
            up.wait_for("Ctrl-C stops it.")
        finally:
            assert up.press_ctrl_c() == 0, up.output()
        lines = ledgerlib.export_lines(tmp_path / "store")
        counts.append(sum(b'"tenant":"demo"' in line for line in lines))
    assert counts[0] > 300
    assert counts[1] == counts[0]
