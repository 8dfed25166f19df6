"""The investigating verbs answer the same from a directory, through a collector, and from a store cut in two."""

import gzip
import json

import ledgerlib
import pytest

DEMO = ledgerlib.ROOT / "config" / "demo" / "demo.ndjson.gz"
ASKED = (("related", "{id}"), ("related", "OPS-101"), ("definitions",), ("definitions", "convert_currency"),
         ("definitions", "--as-of", "2026-11-15"), ("first-seen",),
         ("first-seen", "user,tool", "--since", "2026-11-17"), ("diff", "user:ben@example.com"),
         ("diff", "agent:*", "--since", "2026-11-16", "--baseline", "2d"))
FORMATS = ("table", "json", "ndjson", "csv")
OF_A_STORE = ("seq", "first_seq", "last_seq", "first_failed_seq", "strength")


@pytest.fixture(scope="module")
def lines():
    return gzip.decompress(DEMO.read_bytes()).splitlines()


@pytest.fixture(scope="module")
def live(tmp_path_factory, lines):
    daemon = ledgerlib.Daemon(tmp_path_factory.mktemp("live")).start()
    daemon.accept(b"\n".join(lines), path="/v1/import")
    daemon.an_id = next(json.loads(line)["id"] for line in lines
                        if b'"convert_currency"' in line and b'"request"' in line)
    yield daemon
    daemon.close()


@pytest.fixture(scope="module")
def halves(tmp_path_factory, lines):
    stores = []
    for part in (lines[::2], lines[1::2]):
        daemon = ledgerlib.Daemon(tmp_path_factory.mktemp("half")).start()
        daemon.accept(b"\n".join(part), path="/v1/import")
        daemon.stop()
        stores += ["--data", daemon.data]
    return stores


def words_of(asked, live):
    return [word.format(id=live.an_id) for word in asked]


@pytest.mark.parametrize("asked", ASKED, ids=" ".join)
def test_a_collector_gives_the_bytes_of_its_directory(live, asked):
    for output in FORMATS:
        words = (*words_of(asked, live), "-o", output, "--utc")
        here = live.cli_on_store(*words, status=None)
        there = live.cli(*words, status=None)
        assert (there.returncode, there.stdout, there.stderr) == (here.returncode, here.stdout, here.stderr)
        assert here.returncode == 0 and here.stdout


@pytest.mark.parametrize("asked", ASKED, ids=" ".join)
def test_a_store_cut_in_two_answers_as_one(live, halves, asked):
    words = (*words_of(asked, live), "-o", "json", "-q", "-n", "0")
    answers = [json.loads(run.stdout) for run in (live.cli_on_store(*words), ledgerlib.run_cli(*words, *halves))]
    rows = [sorted(json.dumps({key: value for key, value in item.items() if key not in OF_A_STORE}, sort_keys=True)
                   for item in answer["items"]) for answer in answers]
    assert rows[0] == rows[1] and rows[0]
    assert answers[0].get("window") == answers[1].get("window")


def test_ranges_may_mean_the_time_of_receipt(live):
    recent = ("--since", "1d", "--time", "recv", "-q", "-n", "0", "-o", "json")
    for verb, *words in (("definitions",), ("first-seen", "server,tool"), ("related", live.an_id)):
        by_receipt = json.loads(live.cli_on_store(verb, *words, *recent).stdout)["items"]
        every = json.loads(live.cli_on_store(verb, *words, *recent[4:]).stdout)["items"]
        assert len(by_receipt) == len(every) > 5, verb


def test_an_answer_that_may_lack_events_is_3_where_that_is_asked(make_daemon, lines):
    daemon = make_daemon()
    daemon.accept(b"\n".join(lines), path="/v1/import")
    daemon.an_id = json.loads(lines[100])["id"]
    asked = [words_of(words, daemon) for words in ASKED]
    daemon.kill()
    daemon.start()
    daemon.accept(ledgerlib.tool_call("t"))
    for words in asked:
        # The collector was restarted today; what ends in the recorded days before lacks nothing.
        status = 0 if "--as-of" in words or words == ["diff", "user:ben@example.com"] else 3
        for run in (daemon.cli_on_store, daemon.cli):
            assert run(*words, "-n", "0", status=0).stdout
            assert run(*words, "-n", "0", "--require-complete", status=status).stdout, words
    assert b"restarted" in daemon.cli_on_store("first-seen", "--require-complete", status=3).stderr
    daemon.cli_on_store("gaps", "--require-complete", status=3)
