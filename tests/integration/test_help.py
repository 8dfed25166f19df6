"""What the command line says of itself fits a terminal, names what is near, and its examples work on the demo."""

import re
import subprocess

import examples
import ledgerlib
import pytest

WIDTH = 80


def help_text(*words, columns=WIDTH):
    return ledgerlib.run_cli("help", *words, env={"COLUMNS": str(columns)}).stdout.decode()


def all_verbs():
    """Names of the verbs that `mcpledger help` lists."""
    listed = help_text().split("\nOptions of all")[0].split("\nUsage:")[1]
    return re.findall(r"^  (\w[\w-]*) ", listed, re.M)


def all_examples():
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
    for words in ("Regular expressions:", "field:value", "as in: verdict:error,denied", "\n  session       session_id"):
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
    found = all_examples()
    for verb in all_verbs():
        assert sum(its == verb for its, _ in found) >= 2, verb


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    with examples.running_demo(tmp_path_factory.mktemp("demo")) as daemon:
        yield daemon


@pytest.mark.parametrize(("verb", "command"), all_examples(), ids=lambda value: value.replace("/", "|"))
def test_each_example_of_help_works_on_the_demo(verb, command, demo, tmp_path):
    examples.run(command, demo, tmp_path)
