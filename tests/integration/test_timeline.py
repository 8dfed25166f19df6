"""Timelines against an independent computation; calls that client, gateway and server report by clocks of their own."""

import csv
import io
import itertools
import json
import random
import time
from collections import defaultdict
from urllib.parse import quote

import ledgerlib
import pytest
import traces

FAILED = {"tool_error", "rpc_error", "transport_error", "timeout"}
REFUSED = {"denied", "throttled", "rejected", "cancelled"}
MS, S = 10**6, 10**9


def timelines(daemon, words):
    return json.loads(daemon.cli_on_store("timeline", words, "-o", "json").stdout)["timelines"]


# --- an independent computation, for events of one observer ---


def end_of(event):
    return event["time"] + event.get("duration_ns", 0)


def arguments_of(event):
    """What makes the same arguments, whatever the order of members."""
    request = event["request"]
    if isinstance(request, dict):
        request = {k: v for k, v in request.items() if k != "_meta"}
    return json.dumps(request, sort_keys=True)


def is_tool(event):
    return event["kind"] == "tool_call" and event.get("action", "tools/call") == "tools/call"


def parent_of(event, spans, ids):
    parent = spans.get((event.get("trace_id"), event.get("parent_span_id")))
    if parent is None or parent is event:
        parent = ids.get(event.get("binds_to") or event.get("caused_by"))
    return parent


def same_work(first, second, *members):
    return all(first.get(m) == second.get(m) for m in members)


def is_again(before, event, parents):
    """Whether event is the call before it again, right after that failed."""
    if not (is_tool(event) and before["verdict"] in FAILED | REFUSED | {"pending"}):
        return False
    return (same_work(before, event, "action", "target", "server", "user") and "request" in event and
            "request" in before and arguments_of(before) == arguments_of(event) and
            parents[before["id"]] is parents[event["id"]] and end_of(before) <= event["time"])


def attempts(events, parents):
    """{id: the event it is an attempt of}, by retry_of, state_digest, and at once after a failure."""
    ids = {e["id"]: e for e in events}
    calls = [e for e in events if e["kind"] == "tool_call"]
    first = {}

    def fold(before, event):
        origin = first.get(before["id"], before)
        if origin is not event and event["id"] not in first and event["id"] not in {e["id"] for e in first.values()}:
            first[event["id"]] = origin

    for event in calls:
        before = ids.get(event.get("retry_of"))
        if before is not None and before["time"] <= event["time"]:
            fold(before, event)
    states = defaultdict(list)
    for event in calls:
        if "state_digest" in event:
            states[event["state_digest"], event["target"]["name"]].append(event)
    for chain in states.values():
        for before, event in itertools.pairwise(chain):
            if before["verdict"] == "pending":
                fold(before, event)
    for number, event in enumerate(calls):
        level = [e for e in calls[max(0, number - 16):number] if parents[e["id"]] is parents[event["id"]]]
        if level and is_again(level[-1], event, parents):
            fold(level[-1], event)
    return first


def expected(events):
    """(flat order of ids with depth, counts) of one piece of work."""
    events = sorted(events, key=lambda e: (e["time"], e["seq"]))
    spans = {}
    for event in sorted(events, key=lambda e: e["seq"]):
        if "span_id" in event:
            spans.setdefault((event.get("trace_id"), event["span_id"]), event)
    ids = {e["id"]: e for e in events}
    parents = {e["id"]: parent_of(e, spans, ids) for e in events}
    first = attempts(events, parents)
    children = defaultdict(list)
    for event in events:
        if event["id"] in first:
            continue
        parent = parents[event["id"]]
        parent = first.get(parent["id"], parent) if parent else None
        children[parent["id"] if parent and parent is not event else None].append(event)
    order, counts = [], defaultdict(int)

    def walk(level, depth):
        for event in level:
            order.append((event["id"], depth))
            tries = [e for e in events if first.get(e["id"]) is event]
            order.extend((e["id"], depth + 1) for e in tries)
            if event["kind"] == "tool_call":
                verdict = tries[-1]["verdict"] if tries else event["verdict"]
                counts["calls"] += 1
                counts["attempts"] += len(tries)
                counts["failed"] += verdict in FAILED
                counts["refused"] += verdict in REFUSED
                counts["waiting"] += verdict == "pending"
                counts["unknown"] += verdict == "unknown"
            walk(children[event["id"]], depth + 1)

    walk(children[None], 0)
    return order, counts


def assert_told(timeline, events):
    order, counts = expected(events)
    shown = [(moment["event"]["id"], moment["depth"]) for moment in timeline["moments"]]
    assert shown == order
    told = {name: timeline[name] for name in ("calls", "attempts", "failed", "refused", "waiting", "unknown")}
    assert told == {name: counts[name] for name in told}
    assert timeline["reports"] == timeline["disagreements"] == 0


def test_every_session_of_real_agents_is_told_as_computed(make_daemon, shared_data):
    daemon = make_daemon()
    rows = traces.read(shared_data, "agentdojo")
    for at in range(0, len(rows), 500):
        daemon.accept(b"\n".join(traces.as_line(text) for _, _, text in rows[at:at + 500]))
    sessions = defaultdict(list)
    for seq, (_, session, text) in enumerate(rows):
        event = json.loads(text)
        event["verdict"] = "tool_error" if event["outcome"]["tool_error"] else "ok"
        sessions[session].append({**event, "seq": seq})
    again = 0
    for session, events in sessions.items():
        answer = daemon.get(f"/api/v1/timeline?id={quote(session, safe='')}").json()
        assert len(answer["timelines"]) == 1
        assert_told(answer["timelines"][0], events)
        again += answer["timelines"][0]["attempts"]
    assert again > 0, "no agent tried anything again: the rule was not tested"
    print(f"{len(sessions)} sessions, {again} further attempts")


def unit_of(event, turns):
    """What the piece of work of an event is known by; None: only a guess joins it to others."""
    conversation = event.get("conversation_id") or turns.get(event.get("turn_id"))
    return conversation or event.get("session_id") or event.get("trace_id")


def test_every_piece_of_work_of_the_demo_is_told_as_computed(daemon):
    daemon.cli("demo")
    events = [json.loads(line) for line in daemon.export()]
    turns = {e["turn_id"]: e["conversation_id"] for e in events if "turn_id" in e and "conversation_id" in e}
    units = defaultdict(list)
    for event in events:
        unit = unit_of(event, turns)
        if unit:
            units[unit].append(event)
    assert len(units) > 50
    for unit, its in units.items():
        named = [e for e in its if "conversation_id" in e] or its
        shown = timelines(daemon, named[0]["id"])
        assert len(shown) == 1, unit
        assert shown[0]["id"] == unit
        if "conversation_id" not in named[0]:  # its session may be part of conversations too
            its = [e for e in events if unit in (e.get("session_id"), e.get("trace_id"))]
            its = [e for e in its if e.get("session_id") == unit] or its
        assert_told(shown[0], its)


# --- several observers ---

OBSERVERS = {  # seconds that the clock is off, ms on the way to the next
    "client": {"role": "client", "name": "desktop", "off": 0.0, "way": 0},
    "gateway": {"role": "gateway", "name": "gw-1", "instance": "pod-3", "off": -7.25, "way": 5},
    "server": {"role": "server", "name": "fs-prod", "off": 4.5, "way": 10},
}


def members_for(joined_by, call, who):
    """What a report says to be recognised."""
    number = call["number"]
    if joined_by == "spans":
        order = list(OBSERVERS).index(who)
        return {"trace_id": f"{call['run']}-{number // 4}", "span_id": f"{number}-{order}",
                **({"parent_span_id": f"{number}-{order - 1}"} if order else {})}
    if joined_by == "requests":
        return {"session_id": f"{call['run']}-session", "request_id": str(number) if who == "gateway" else number}
    return {}


def report(call, who, joined_by, now):
    observer = OBSERVERS[who]
    start = now + call["at"] + observer["way"] * MS + int(observer["off"] * S)
    took = call["took"] - 2 * observer["way"] * MS
    if who == "client" and call["fate"] == "timeout":
        took = 5 * S
    outcome = {"tool_error": call["fate"] == "error"}
    error = {}
    if who == "client" and call["fate"] == "timeout":
        outcome, error = {}, {"error": {"type": "timeout"}}
    if who != "server" and call["fate"] == "denied":
        outcome = {"decision": "deny", "reason": "not on a Sunday"}
    request = {"path": f"/srv/{call['number']}", "n": call["number"]}
    if who != "client":
        request = dict(reversed(request.items()))
    if who == "server" and call["fate"] == "rewritten":
        request["path"] = "/etc/shadow"
    return {
        "kind": "tool_call", "action": "tools/call", "target": {"type": "tool", "name": call["tool"]}, "time": start,
        "duration_ns": took, "conversation_id": f"{call['run']}-conversation",
        "observer": {k: v for k, v in observer.items() if k in ("role", "name", "instance")},
        "server": {"name": "filesystem"}, "user": {"id": "alice"}, "outcome": outcome, "request": request, **error,
        **members_for(joined_by, call, who),
    }


def calls_of(run, count, fates, lost):
    """Calls, one after the other; `lost`: {number: who does not tell of it}."""
    rng = random.Random(run)
    at, calls = 0, []
    for number in range(count):
        took = 7 * S if fates.get(number) == "timeout" else rng.randrange(30, 400) * MS
        tool = rng.choice(["read", "find", "move"])
        calls.append({"run": run, "number": number, "at": at, "took": took, "tool": tool,
                      "fate": fates.get(number, "ok"), "lost": lost.get(number)})
        at += took + rng.randrange(50, 900) * MS
    return calls


def send(daemon, calls, joined_by):
    now = time.time_ns() - 200 * S
    reports = [(call["number"], who, report(call, who, joined_by, now)) for call in calls for who in OBSERVERS
               if call["lost"] != who and not (call["fate"] == "denied" and who == "server")]
    random.Random(7).shuffle(reports)
    daemon.accept([event for _, _, event in reports])
    return reports


FATES = {4: "timeout", 8: "denied", 11: "error", 15: "rewritten"}
LOST = {6: "server", 12: "gateway"}
CALLS = 24


@pytest.fixture(scope="module", params=["spans", "requests", "arguments"])
def reported(request, tmp_path_factory):
    """(what joins the reports, the one timeline of the conversation)."""
    daemon = ledgerlib.Daemon(tmp_path_factory.mktemp("reported")).start()
    try:
        # A call whose arguments are rewritten can't be recognised by them.
        fates = {k: v for k, v in FATES.items() if request.param != "arguments" or v != "rewritten"}
        calls = calls_of(request.param, CALLS, fates, LOST)
        reports = send(daemon, calls, request.param)
        yield request.param, daemon, calls, reports
    finally:
        daemon.close()


def test_reports_of_a_call_are_one_call_in_order(reported):
    joined_by, daemon, calls, reports = reported
    (told,) = timelines(daemon, f"{joined_by}-conversation")
    leaders = [m for m in told["moments"] if m["depth"] == 0]
    assert [m["event"]["request"]["n"] for m in leaders] == list(range(CALLS))
    assert told["calls"] == CALLS
    assert told["reports"] == len(reports) - CALLS
    assert told["refused"] == 1
    # What the server did is done: the call that the client gave up is ok.
    assert told["failed"] == 1
    for moment, call in zip(leaders, calls, strict=True):
        wanted = {"denied": "denied", "error": "tool_error"}.get(call["fate"], "ok")
        assert moment["verdict"] == wanted, call
        # How long it took is the caller's to say.
        took = 5 * S if call["fate"] == "timeout" else call["took"]
        assert moment["duration_ns"] == took, call
        its = [m for m in told["moments"] if m.get("of") == moment["event"]["seq"]]
        assert all(m["relation"] == "report" and m["depth"] == 1 for m in its)
        assert {m["event"]["request"]["n"] for m in its} <= {call["number"]}


def test_clocks_are_corrected_for_each_observer(reported):
    joined_by, daemon, calls, _ = reported
    (told,) = timelines(daemon, f"{joined_by}-conversation")
    offsets = {o["role"]: o["clock_offset_ns"] for o in told["observers"]}
    assert offsets["client"] == 0
    for who in ("gateway", "server"):
        assert abs(offsets[who] + OBSERVERS[who]["off"] * S) < 0.1 * S, offsets
    leaders = [m for m in told["moments"] if m["depth"] == 0]
    for moment, call in zip(leaders, calls, strict=True):
        assert abs(moment["offset_ns"] - call["at"]) < 0.1 * S
    text = daemon.cli_on_store("timeline", f"{joined_by}-conversation", "--utc").stdout.decode()
    assert "times of gateway gw-1 corrected by +7.2" in text
    assert "times of server fs-prod corrected by -4." in text


def wanted_disagreements(calls):
    """{(number of the call, about)}"""
    wanted = {(number, "unseen") for number in LOST} | {(4, "verdict")}
    return wanted | {(call["number"], "parameters") for call in calls if call["fate"] == "rewritten"}


def test_what_observers_tell_differently_is_found(reported):
    joined_by, daemon, calls, _ = reported
    wanted = wanted_disagreements(calls)
    (told,) = timelines(daemon, f"{joined_by}-conversation")
    found = {(m["event"]["request"]["n"], d["about"]) for m in told["moments"] for d in m.get("disagreements", ())}
    assert found == wanted
    assert told["disagreements"] == len({number for number, _ in wanted})
    text = daemon.cli_on_store("timeline", f"{joined_by}-conversation", "--utc", env={"COLUMNS": "160"}).stdout.decode()
    assert "≠ client desktop: timed out after 5 s; gateway gw-1: ok after 6.99 s" in text
    assert "≠ gateway gw-1 does not tell of this call, only " in text
    assert ("≠ parameters: gateway gw-1: n=15 path=/srv/15; server fs-prod: n=15 path=/etc/shadow" in text) == (
        joined_by != "arguments")


@pytest.mark.parametrize("way", ["table", "json", "ndjson", "csv"])
def test_disagreements_are_listed_in_every_format(reported, way):
    _, daemon, calls, _ = reported
    wanted = sorted(about for _, about in wanted_disagreements(calls))
    done = daemon.cli_on_store("disagreements", "-o", way)
    assert daemon.cli("disagreements", "-o", way).stdout == done.stdout
    text = done.stdout.decode()
    if way == "table":
        assert all(about in text for about in wanted)
        assert len(text.splitlines()) == 1 + len(wanted)
        return
    rows = (json.loads(text)["items"] if way == "json" else
            [json.loads(line) for line in text.splitlines()] if way == "ndjson" else
            list(csv.DictReader(io.StringIO(text, newline=""))))
    assert sorted(row["about"] for row in rows) == wanted
    newest = daemon.cli_on_store("disagreements", "-o", "json", "-n", "2").stdout
    kept = json.loads(newest)
    assert [row["about"] for row in kept["items"]] == [row["about"] for row in json.loads(
        daemon.cli_on_store("disagreements", "-o", "json").stdout)["items"]][-2:]
    assert kept["coverage"]["more"] is True
    assert json.loads(daemon.cli_on_store("disagreements", "-o", "json", "-n", "0").stdout)["items"] == json.loads(
        daemon.cli_on_store("disagreements", "-o", "json").stdout)["items"]


def test_the_api_lists_disagreements(reported):
    _, daemon, _, _ = reported
    answer = daemon.get("/api/v1/disagreements")
    assert answer.status == 200
    verdict = next(row for row in answer.json()["items"] if row["about"] == "verdict")
    assert verdict["outer_observer"] == "client desktop"
    assert verdict["outer_says"] == "timed out after 5 s"
    assert verdict["inner_observer"] == "gateway gw-1"
    assert verdict["inner_says"].startswith("ok after")
    shown = json.loads(daemon.cli_on_store("show", str(verdict["inner_seq"]), "-o", "json").stdout)
    assert shown["observer"]["name"] == "gw-1"


def test_reports_in_two_stores_are_one_call(make_daemon):
    """A collector beside the client and one beside the server; both have a first event, and so the same numbers."""
    daemons = {"client": make_daemon(), "server": make_daemon()}
    calls = calls_of("apart", 12, {4: "timeout"}, {})
    now = time.time_ns() - 100 * S
    for who, daemon in daemons.items():
        daemon.accept([report(call, who, "requests", now) for call in calls])
    stores = [part for daemon in daemons.values() for part in ("--data", daemon.data)]
    (told,) = json.loads(ledgerlib.run_cli(*stores, "timeline", "apart-session", "-o", "json").stdout)["timelines"]
    assert told["calls"] == 12
    assert told["reports"] == 12
    assert told["disagreements"] == 1
    leaders = [m for m in told["moments"] if m["depth"] == 0]
    assert [m["event"]["request"]["n"] for m in leaders] == list(range(12))
    assert {m["event"]["observer"]["role"] for m in leaders} == {"server"}
    rows = [json.loads(line) for line in
            ledgerlib.run_cli(*stores, "disagreements", "-o", "ndjson").stdout.splitlines()]
    assert [row["about"] for row in rows] == ["verdict"]
    assert rows[0]["outer_seq"] == rows[0]["inner_seq"], "told apart although their numbers are equal"


def test_a_call_whose_server_crashed_says_so_and_what_was_lost_stands_in_place(daemon):
    now = time.time_ns() - 60 * S
    work = {"session_id": "cut", "server": {"name": "db", "instance": "pod-1"},
            "observer": {"role": "server", "name": "db-1", "epoch": "e"}}

    def observed(number, **members):
        return {**work, "observer": {**work["observer"], "seq": number}, **members}

    daemon.accept([
        {**ledgerlib.tool_call("first"), **observed(1, time=now, id="one", outcome={"tool_error": False})},
        {**ledgerlib.tool_call("never_ends"), **observed(2, time=now + S, id="two", stage="start")},
        {"kind": "lifecycle", "phase": "crash", "signal": "11", "time": now + 5 * S, "server": work["server"]},
        {**ledgerlib.tool_call("anew"), **observed(6, time=now + 9 * S, id="three", outcome={"tool_error": False})},
    ])
    text = daemon.cli_on_store("timeline", "cut", "--utc", env={"COLUMNS": "140"}).stdout.decode()
    lines = [line.strip() for line in text.splitlines()]
    assert any(line.endswith("never_ends  outcome unknown: the server crashed 4 s later, signal 11") for line in lines)
    hole = lines.index("·· server db-1 sent 3 that never came (its numbers 3 to 5) ··")
    assert "never_ends" in "".join(lines[:hole])
    assert "anew" in "".join(lines[hole:])
    assert "Calls        3: 2 ok, 1 with unknown outcome" in lines
