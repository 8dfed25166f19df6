"""Random searches find what a second implementation finds: in the tail, in sealed blocks, and none of it by chance."""

import shutil
import time

import ledgerlib
import pytest
from search_model import Generator, parse

SEARCHES = 250
NS = 10**9


def odd_events():
    """What recorded traffic lacks: large and negative numbers, odd names, addresses of all forms, hostile texts."""
    now = time.time_ns() - 3600 * NS
    requests = [
        {"id": 9007199254740993, "n": -5, "x": 1.50, "s": "17", "a b": {"c.d": [{'q"': "y"}, 7]}},
        {"id": 9007199254740992, "n": 1e1, "0": "zero", "list": [[1, 2], [3, 4]], "n.m": {"o": True}},
        {"path": "C:\\Users\\a", "t": "a\u0000b", "u": "größe ÄÖ", "e": "", "z": None, "n": {"m": {"o": False}}},
        {"sql": "DROP  TABLE\n\tusers; -- \"x\"", "glob": "a*b", "list": [{"name": "x", "v": 1}, {"name": "y"}]},
        {"path": "/etc/passwd", "q": "'; \\\"OR\\\" 1=1", "big": 123456789012345678901234567890, "small": -1e-30},
    ]
    peers = ["10.0.0.9:51234", "[2001:db8::1]:443", "192.168.7.1:1", "127.0.0.1:9", "10.0.1.9:80"]
    return [ledgerlib.tool_call(f"tool {number}", time=now + number * NS, request=request, response={"r": [request]},
                                net={"peer": peers[number], "forwarded_for": f"203.0.113.{number}, 2001:db8::{number}"},
                                attrs={"k8s.pod": f"web-{number}", "k8s": {"node": f"n{number}", "ip": peers[number]}},
                                error={"type": "Odd", "message": f"connect to {peers[number]} failed: no route"})
            for number, request in enumerate(requests)] * 2


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """The same events as one long tail, and as blocks of a few hundred events."""
    folder = tmp_path_factory.mktemp("search")
    daemon = ledgerlib.Daemon(folder).start()
    try:
        daemon.cli("demo")
        daemon.accept(odd_events())
        tail = folder / "tail"
        shutil.copytree(daemon.data, tail)
        daemon.stop()
        yield {"tail": tail, "sealed": daemon.data}
    finally:
        daemon.close()


@pytest.mark.parametrize("kind", ["tail", "sealed"])
def test_random_searches_find_what_a_second_implementation_finds(stores, kind):
    seed = time.time_ns()
    print(f"seed {seed}")
    events = [parse(line) for line in ledgerlib.export_lines(stores[kind])]
    generator = Generator(events, seed)
    found_something = 0
    for _ in range(SEARCHES):
        search = generator.command()
        wanted = [int(event["seq"]) for event in events if search.matches(event)]
        done = ledgerlib.run_cli("--data", stores[kind], "-q", "search", "-o", "ndjson", "-n", "0", "--",
                                 search.written, status=None)
        assert done.returncode == (0 if wanted else 1), f"{search.written}\n{done.stderr.decode()}"
        found = [int(parse(line)["seq"]) for line in done.stdout.splitlines()]
        assert found == wanted, (f"{search.written}\ntoo many: {set(found) - set(wanted)}, "
                                 f"too few: {set(wanted) - set(found)}")
        found_something += 0 < len(wanted) < len(events)
    assert found_something > SEARCHES // 3, "the searches are too hard to tell anything"


# --- lists of indicators ---


def found_with(stores, lines, folder, *words, where=None):
    path = folder / "iocs.txt"
    path.write_text(lines)
    done = ledgerlib.run_cli(*(where or ("--data", stores["sealed"])), "search", "-q", "-n", "0", "-o", "ndjson",
                             "--match-file", path, *words, status=None)
    assert done.returncode in (0, 1), done.stderr.decode()
    return [int(parse(line)["seq"]) for line in done.stdout.splitlines()]


def test_a_list_of_indicators_finds_what_each_of_them_would(stores, tmp_path):
    lines = "# hosts\n10.0.0.0/24\nhxxp://evil[.]example\n\"DROP TABLE\"\n/etc/passwd\n"
    wanted = {seq for words in ("ip:10.0.0.0/24", "attrs:10.0.0.0/24", "error.message:10.0.0.0/24", '"drop table"',
                                '"etc passwd"')
              for seq in (int(parse(line)["seq"]) for line in ledgerlib.run_cli(
                  "--data", stores["sealed"], "search", "-q", "-n", "0", "-o", "ndjson", words).stdout.splitlines())}
    assert len(wanted) > 4
    assert found_with(stores, lines, tmp_path) == sorted(wanted)
    assert found_with(stores, "no.such.thing\n", tmp_path) == []


def test_a_hundred_thousand_indicators_travel_to_the_collector(tmp_path):
    daemon = ledgerlib.Daemon(tmp_path).start()
    try:
        daemon.accept([ledgerlib.tool_call("fetch", request={"url": f"https://host-{n}.example/x"}) for n in range(9)])
        lines = "".join(f"host-{n}.example\n" for n in range(7, 100_007))
        found = found_with(None, lines, tmp_path, where=("--url", daemon.url))
        assert len(found) == 2
        assert found == found_with(None, lines, tmp_path, where=("--data", daemon.data))
        notes = [parse(line)["detail"] for line in ledgerlib.export_lines(daemon.data)
                 if parse(line)["kind"] == "ledger" and parse(line)["op"] == "query"]
        assert notes[-1]["match_bytes"] == str(len(lines))
    finally:
        daemon.close()


@pytest.mark.parametrize("lines,why", [("", "is empty"), ("# a\n", "there is no indicator"), ("a\n...\n", "line 2"),
                                       ("10.0.0.0/99", "prefix is too long")])
def test_a_bad_list_of_indicators_is_refused(stores, tmp_path, lines, why):
    path = tmp_path / "iocs.txt"
    path.write_text(lines)
    done = ledgerlib.run_cli("--data", stores["sealed"], "search", "--match-file", path, status=2)
    assert why in done.stderr.decode()


# --- what went on ---


def test_explain_tells_which_blocks_were_read(stores):
    done = ledgerlib.run_cli("--data", stores["sealed"], "search", "-q", "--explain", "session:nobody", status=1)
    assert "0 of " in (told := done.stderr.decode()) and "by the filter of ids" in told, told
    assert done.stdout == b""
