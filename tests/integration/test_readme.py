"""The README's sessions, replayed: every `$ command` of a console block prints what the README says it prints."""

import re
import subprocess

import ledgerlib
import pytest

README = (ledgerlib.ROOT / "README.md").read_text()

# What differs each time: the demo is loaded with fresh times and new ids.
CHANGING = [
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "UUID"),
    (re.compile(r"\b\d{4}-\d\d-\d\d\b"), "DATE"),
    (re.compile(r"\b\d\d:\d\d:\d\d(\.\d+)?\b"), "TIME"),
]


def sessions():
    """[(command, output)] of the README's console blocks, in order."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```$", README, re.M | re.S):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command = re.match(r"(?:.*\\\n)*.*\n", part).group()
            found.append((command.strip(), part[len(command):]))
    return found


def without_what_changes(text):
    for pattern, word in CHANGING:
        text = pattern.sub(word, text)
    return [line.rstrip() for line in text.strip().splitlines()]


@pytest.fixture
def run(daemon):
    """Runs a command of the README against a daemon with the demo in it."""
    daemon.cli("demo")
    exports = []

    def run_command(command):
        command = command.replace("mcpledger-data", str(daemon.data)).replace("127.0.0.1:7373", daemon.ready["http"])
        if command.startswith("export "):
            exports.append(command)
        done = subprocess.run(["bash", "-c", "\n".join([*exports, command])], cwd=ledgerlib.ROOT, text=True, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                              env=ledgerlib.clean_environment())
        assert done.returncode == 0, done.stdout
        return done.stdout

    return run_command


def test_the_sessions_print_what_the_readme_says(run):
    found = sessions()
    assert len(found) >= 8
    for command, output in found:
        assert without_what_changes(run(command)) == without_what_changes(output), command


def test_the_example_datagram_is_accepted(daemon):
    """The netcat line, which shows no output."""
    command = re.search(r"`(echo [^`]* \| nc -u [^`]*)`", README).group(1)
    host, port = daemon.udp_address()
    done = subprocess.run(["bash", "-ec", command.replace("127.0.0.1 7373", f"{host} {port}")], capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    daemon.wait_for("mcpledger_ingest_events_total", 1, source="udp", result="stored")


def test_it_is_short():
    assert len(README.splitlines()) <= 160
    assert max(map(len, re.sub(r"```.*?```", "", README, flags=re.S).splitlines())) <= 125


def test_the_two_commands_come_first():
    first_screen = README.splitlines()[:12]
    assert any(line.startswith("./dev up ") for line in first_screen)
    assert any(line.startswith("./dev test ") for line in first_screen)
