"""Commands that help and manual pages show, run by bash against the demo."""

import contextlib
import json
import os
import re
import subprocess
from pathlib import Path

import ledgerlib

UUID = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
DEFAULT_ADDRESS = "127.0.0.1:7373"
# What an example's file holds before it is run: the bash that makes it.
FILES = {
    "events.ndjson": "mcpledger export >events.ndjson",
    "demo.ndjson.gz": "mcpledger export | gzip >demo.ndjson.gz",
    "--data evidence/case-17": "mcpledger backup evidence/case-17 >backup.log",
}
# The default address is taken by nobody, or by a daemon of somebody else's.
PREAMBLE = """
mcpledger() {
  case $1 in
  demo | import) [[ " $* " == *" --url "* ]] || set -- "$@" --url "$URL" ;;
  esac
  command mcpledger "$@"
}
"""


def two_reports():
    """One call as its client and its server saw it; all of the demo was seen by a single observer."""
    call = ledgerlib.tool_call("restart_service", session_id="seen-twice", request_id=1, server={"name": "payments"})
    return [{**call, "observer": {"role": "client", "name": "ops-desk"}, "error": {"type": "timeout"}},
            {**call, "observer": {"role": "server", "name": "payments-1"}, "outcome": {"tool_error": False}}]


@contextlib.contextmanager
def running_demo(folder):
    """A running daemon with the demo and two_reports in it, and the id of an event that belongs to a conversation."""
    daemon = ledgerlib.Daemon(folder).start()
    try:
        daemon.cli("demo")
        daemon.accept(two_reports())
        events = map(json.loads, daemon.export())
        daemon.an_id = next(e["id"] for e in events if e["kind"] == "tool_call" and "conversation_id" in e)
        yield daemon
    finally:
        daemon.close()


def prepare(command, demo, folder):
    """The example as bash can run it here: with this daemon's address, an id that is there, and the files it reads."""
    (folder / "mcpledger-data").symlink_to(demo.data)
    made = [f"mkdir -p {name}" for name in re.findall(r"> (~/\S+)/", command)]
    made += [make for name, make in FILES.items() if re.search(rf"(?<!> ){re.escape(name)}", command)]
    command = UUID.sub(demo.an_id, command).replace(DEFAULT_ADDRESS, demo.ready["http"])
    return "\n".join([PREAMBLE, *made, command])


def files_in(folder):
    return [Path(path, name) for path, _, names in os.walk(folder) for name in names]


def run(command, demo, folder):
    """Runs it in an empty folder, which is its home; it has to succeed, and to show or write something."""
    env = ledgerlib.clean_environment({
        "PATH": f"{ledgerlib.CLI.parent}:{os.environ['PATH']}", "URL": demo.url, "HOME": str(folder),
        "MCPLEDGER_STORE_DIR": str(demo.data)})
    done = subprocess.run(["bash", "-o", "pipefail", "-ec", prepare(command, demo, folder)], cwd=folder, env=env,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    silent = "--quiet" in command or command.startswith("source ")
    assert silent or done.stdout or any(path.stat().st_size for path in files_in(folder)), f"{command} shows nothing"
