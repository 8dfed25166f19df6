"""What the command line says of itself fits a terminal, names what is near, and its examples work on the demo."""

import json
import os
import re
import subprocess

import ledgerlib
import pytest

WIDTH = 80
UUID = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
DEFAULT_ADDRESS = "127.0.0.1:7373"
# What an example's file holds before it is run: the bash that makes it.
FILES = {
    "events.ndjson": "mcpledger export >events.ndjson",
    "demo.ndjson.gz": "mcpledger export | gzip >demo.ndjson.gz",
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


def help_text(*words, columns=WIDTH):
    return ledgerlib.run_cli("help", *words, env={"COLUMNS": str(columns)}).stdout.decode()


def all_verbs():
    """Names of the verbs that `mcpledger help` lists."""
    listed = help_text().split("\nOptions of all")[0].split("\nUsage:")[1]
    return re.findall(r"^  (\w[\w-]*) ", listed, re.M)


def examples():
    """[(verb, command)] of all verbs' help."""
    return [(verb, line.strip()) for verb in all_verbs() for line in help_text(verb).splitlines()
            if line.startswith("  ") and re.search(r"\bmcpledger ", line)]


def test_verbs_stand_in_groups():
    text = help_text()
    for group in ("Investigate", "Figures", "The store", "Send", "Other"):
        assert f"\n{group}:\n  " in text
    assert {"search", "timeline", "stats", "export", "help", "version"} <= set(all_verbs())


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_help_fits_the_terminal(columns):
    for words in [(), ("query",), *((verb,) for verb in all_verbs())]:
        text = help_text(*words, columns=columns)
        assert max(map(len, text.splitlines())) <= min(columns, 100), words


def test_help_of_a_verb_is_the_same_by_option_and_by_verb():
    for verb in all_verbs():
        text = help_text(verb)
        assert text.startswith(f"Usage: mcpledger {verb}")
        assert ledgerlib.run_cli(verb, "--help", env={"COLUMNS": str(WIDTH)}).stdout.decode() == text
    assert ledgerlib.run_cli("--help", env={"COLUMNS": str(WIDTH)}).stdout.decode() == help_text()


def test_a_mistyped_verb_is_told_the_nearest():
    for words in (("serch",), ("help", "serch")):
        done = ledgerlib.run_cli(*words, status=2)
        assert done.stdout == b""
        assert done.stderr.decode() == 'mcpledger: there is no verb "serch"; did you mean search?\n'
    assert b"mcpledger help lists them" in ledgerlib.run_cli("\x1b[31mnothing like it", status=2).stderr


def test_control_characters_of_a_wrong_verb_are_shown_as_escapes():
    assert b"\x1b" not in ledgerlib.run_cli("\x1b[31m", status=2).stderr


def test_the_search_language_is_a_topic():
    text = help_text("query")
    for words in ("Regular expressions:", "field:value", "as in: verdict:error,denied", "  conversation  conversation_id"):
        assert words in text


def test_without_a_verb_the_usage_goes_to_stderr():
    done = ledgerlib.run_cli(status=2)
    assert done.stdout == b""
    assert b"Usage: mcpledger VERB" in done.stderr


def test_help_that_cannot_be_written_is_a_failure():
    with open("/dev/full", "wb") as full:
        done = subprocess.run([ledgerlib.CLI, "help"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 3
    assert b"no space left" in done.stderr


def test_each_verb_has_two_examples():
    found = examples()
    for verb in all_verbs():
        assert sum(its == verb for its, _ in found) >= 2, verb


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A running daemon with the demo in it, and the id of an event that belongs to a conversation."""
    folder = tmp_path_factory.mktemp("demo")
    daemon = ledgerlib.Daemon(folder).start()
    daemon.cli("demo")
    events = map(json.loads, daemon.export())
    daemon.an_id = next(event["id"] for event in events if event["kind"] == "tool_call" and "conversation_id" in event)
    yield daemon
    daemon.stop()


def prepare(command, demo, folder):
    """The example as bash can run it here: with this daemon's address, an id that is there, and the files it reads."""
    (folder / "mcpledger-data").symlink_to(demo.data)
    made = [make for name, make in FILES.items() if re.search(rf"(?<!> ){re.escape(name)}", command)]
    command = UUID.sub(demo.an_id, command).replace(DEFAULT_ADDRESS, demo.ready["http"])
    return "\n".join([PREAMBLE, *made, command])


@pytest.mark.parametrize(("verb", "command"), examples(), ids=lambda value: value.replace("/", "|"))
def test_each_example_of_help_works_on_the_demo(verb, command, demo, tmp_path):
    env = ledgerlib.clean_environment({
        "PATH": f"{ledgerlib.CLI.parent}:{os.environ['PATH']}", "URL": demo.url,
        "MCPLEDGER_STORE_DIR": str(demo.data)})
    done = subprocess.run(["bash", "-o", "pipefail", "-ec", prepare(command, demo, tmp_path)], cwd=tmp_path, env=env,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    written = [path.stat().st_size for path in tmp_path.iterdir() if path.is_file()]
    assert done.stdout or any(written) or "--quiet" in command, f"{verb} shows nothing"
