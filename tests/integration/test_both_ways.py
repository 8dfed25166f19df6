"""A collector gives the same answers as its directory, byte for byte: every verb that reads, in every output format."""

import datetime
import json
import re

import ledgerlib
import pytest

FORMATS = ("table", "json", "ndjson", "csv")
# What the verbs are asked; a verb that is not here is asked with GENERAL, so that a new one is never forgotten.
GENERAL = [(), ("user:chloe@example.com",), ("tool:read_text_file", "--since", "2020-01-01"), ("nothing-of-this",),
           ("sesion:x",), ("-n", "3"), ("--tenant", "nobody")]
ASKED = {
    "show": [("SEQ",), ("ID",), ("no-such-id",), ()],
    "timeline": [("CONVERSATION",), ("SEQ",), ('"partner check"',), ("user:ana@example.com", "-n", "5"),
                 ("no-such-id",)],
    "related": [("SEQ",), ("ID", "-n", "5"), ("OPS-102",), ("no-such-id",), ()],
    "stats": [(), ("--by", "server,tool"), ("--by", "user", "verdict:error"), ("--by", "servr"),
              ("--by", "hour", "-n", "0")],
    "search": [*GENERAL, ("kind:tool_call", "--sort", "duration", "-n", "5"), ("kind:tool_call", "-n", "0")],
    "export": [(), ("--tenant", "demo"), ("-n", "5"), ("words",)],
    "diff": [("user:ana@example.com",), ("user:ben@example.com", "--since", "FIRST", "--until", "LAST"), ()],
    "first-seen": [("--since", "MIDDLE"), ("tool", "--since", "FIRST", "-n", "5"),
                   ("nonsense", "--since", "FIRST")],
    "definitions": [(), ("convert_currency",), ("convert_currency", "--as-of", "2020-01-01"),
                    ("server:exchange-rates",)],
    "report": [("usage",), ("tools",), ("credentials",), ("nonsense",), ()],
}


def reading_verbs():
    """Those whose help offers both a directory and a collector."""
    listed = ledgerlib.run_cli("help").stdout.decode().split("\nOptions of all")[0].split("\nUsage:")[1]
    verbs = re.findall(r"^  (\w[\w-]*) ", listed, re.M)
    both = {"--data", "--url", "--since"}
    return [verb for verb in verbs
            if both <= set(re.findall(r"--[\w-]+", ledgerlib.run_cli("help", verb).stdout.decode()))]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A daemon with the demo, which never seals by itself: the store's figures stay as they are between two answers."""
    daemon = ledgerlib.Daemon(tmp_path_factory.mktemp("demo"), settings={"store.block_age_max": "1h"}).start()
    try:
        daemon.cli("demo")
        calls = [e for e in map(json.loads, daemon.export()) if e["kind"] == "tool_call" and "conversation_id" in e]
        times = [datetime.datetime.fromtimestamp(call["time"] // 10**9, datetime.UTC).isoformat() for call in calls]
        daemon.words = {"SEQ": str(calls[0]["seq"]), "ID": calls[0]["id"], "CONVERSATION": calls[0]["conversation_id"],
                        "FIRST": times[1], "MIDDLE": times[len(times) // 2], "LAST": times[-1]}
        yield daemon
    finally:
        daemon.close()


def ledger_events(daemon):
    return daemon.metric("mcpledger_ingest_events_total", source="ledger", result="stored")


def test_there_are_verbs_to_ask():
    assert {"search", "show", "timeline", "stats", "export", "tail", "sessions"} <= set(reading_verbs())
    assert set(ASKED) <= set(reading_verbs()) | {"report"}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("verb", reading_verbs())
def test_a_daemon_and_its_directory_give_the_same_answer(demo, verb, form):
    for words in ASKED.get(verb, GENERAL):
        arguments = [verb, *(demo.words.get(word, word) for word in words), "--utc", "-o", form]
        before = ledger_events(demo)
        here = demo.cli_on_store(*arguments, status=None)
        there = demo.cli(*arguments, status=None)
        assert there.returncode == here.returncode, (arguments, here.stderr, there.stderr)
        assert there.stdout == here.stdout, arguments
        assert there.stderr == here.stderr, arguments
        demo.wait_for("mcpledger_ingest_events_total", before + 1, source="ledger", result="stored")
