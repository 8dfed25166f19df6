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
