"""sessions, tools, servers, principals, errors, auth, stats and report: each answer against a second computation."""

import json
import random

import figures_model as model
import ledgerlib
import pytest
import traces

START = 1_795_168_800 * model.NS  # 2026-11-20T10:00:00Z
MINUTE = 60 * model.NS
CALLS = 1200


def random_call(rng, number):
    """A call of either era, with or without what says to which piece of work it belongs."""
    user = rng.choice(["ana", "ben", "chloe", None])
    call = ledgerlib.tool_call(
        f"tool-{rng.randrange(6)}", tenant=rng.choice(["acme", "beta"]), time=START + rng.randrange(600) * MINUTE,
        duration_ns=rng.choice([rng.randrange(10**9), rng.randrange(40) * MINUTE]),
        server={"name": f"server-{rng.randrange(3)}", "version": rng.choice("12")},
        client={"name": rng.choice(["desk", "cron"])}, agent={"name": rng.choice(["bot", "helper"])},
        request={"path": f"/srv/{rng.randrange(9)}", "deep": [{"n": rng.randrange(3)}]}, effect=rng.choice(
            ["read", "update", "delete"]), response={"content": [{"type": "text", "text": "x" * rng.randrange(40)}]})
    if user:
        call["user"] = {"id": user, "kind": "human", "team": rng.choice(["red", "blue"])}
        call["oauth"] = {"token_id": f"token-{user}-{rng.randrange(3)}", "client_id": "desk",
                         "expires_at": START + rng.randrange(60, 900) * MINUTE}
        call["net"] = {"peer": f"10.0.0.{rng.randrange(3)}:{rng.randrange(1024, 60000)}", "transport": "http"}
    call["outcome"] = rng.choice([{"tool_error": False}] * 6 + [
        {"tool_error": True}, {"http_status": 403, "reason": "not yours"}, {"rpc_code": -32601}, {"rpc_code": -32000}])
    if rng.random() < 0.1:
        call["error"] = {"type": f"Error{rng.randrange(3)}", "message": f"no {number}", "stack": f"at {number}"}
    if rng.random() < 0.3:
        call["intent"] = f"want {number}"
    era = rng.choice(["conversation", "turn", "session", "trace", "none"])
    if era == "conversation":
        call.update(conversation_id=f"conversation-{rng.randrange(20)}")
        if rng.random() < 0.5:
            call["turn_id"] = f"turn-of-{call['conversation_id']}"
    elif era == "turn":
        call["turn_id"] = f"turn-of-conversation-{rng.randrange(30)}"
    if era == "session" or rng.random() < 0.2:
        call.update(session_id=f"session-{rng.randrange(30)}", request_id=str(number))
    if era == "trace" or rng.random() < 0.2:
        call.update(trace_id=f"{rng.randrange(40) + 1:032x}", span_id=f"{number + 1:016x}")
    return call


def reports_of(rng, number, call):
    """The reports of one call: each observer's own span under the one before."""
    roles = rng.choice([["server"]] * 4 + [["client"], ["gateway"], [None], ["client", "server"],
                                           ["client", "gateway", "server"], ["gateway", "server"]])
    parent = None
    for role in roles:
        report = dict(call, id=f"call-{number}-{role}", time=call["time"] + roles.index(role))
        if role:
            report["observer"] = {"role": role, "name": f"{role}-1"}
        if "trace_id" in call:
            report["span_id"] = f"{rng.getrandbits(64):016x}"
            if parent:
                report["parent_span_id"] = parent
            parent = report["span_id"]
        yield report
    if rng.random() < 0.1:
        staged = dict(call, id=f"staged-{number}", observer={"role": "server"})
        staged.pop("trace_id", None), staged.pop("session_id", None)
        yield dict(staged, stage="start")
        if rng.random() < 0.5:
            yield dict(staged, stage="end")


def other_events(rng):
    for number in range(60):
        server = {"name": f"server-{rng.randrange(4)}"}
        time = START + rng.randrange(900) * MINUTE + number
        user = rng.choice(["ana", "ben"])
        common = {"tenant": rng.choice(["acme", "beta"]), "time": time, "server": server}
        token = f"token-{user}-{rng.randrange(3)}"
        yield {**common, "kind": "auth", "step": rng.choice(["authn", "authz"]), "method": "bearer",
               "result": rng.choice(["allow", "deny"]), "user": {"id": user}, "oauth": {"token_id": token},
               "reason": rng.choice(["expired", "scope"])}
        yield {**common, "kind": "lifecycle", "phase": rng.choice(["start", "ready", "crash", "stop"]), "version": "3"}
        yield {**common, "kind": "credential", "credential_id": token, "type": "oauth_access", "user": {"id": user},
               "state": rng.choice(["issued", "refreshed", "revoked"]), "expires_at": time + 60 * MINUTE}
        yield {**common, "kind": "error", "class": "crash", "stack": f"stack {number}",
               "stack_digest": f"digest-{number % 7}",
               "error": {"type": "Crash", "message": f"crashed {number}"}}
        yield {**common, "kind": "tool_definition", "op": rng.choice(["first_seen", "changed", "removed"]),
               "target": {"type": "tool", "name": f"tool-{rng.randrange(9)}"}, "new_digest": f"sha256:{number}"}
        yield {**common, "kind": "connection", "phase": "close", "session_id": f"session-{rng.randrange(30)}"}


def random_events():
    rng = random.Random(4)
    events = [report for number in range(CALLS) for report in reports_of(rng, number, random_call(rng, number))]
    events += other_events(rng)
    rng.shuffle(events)
    return events


def fill(daemon, name):
    if name == "demo":
        daemon.cli("demo", "-q")
    elif name == "random":
        events = random_events()
        for at in range(0, len(events), 400):
            daemon.accept(events[at:at + 400])
    else:
        if not ledgerlib.SHARED_DATA.is_dir():
            pytest.skip("shared data absent")
        texts = [traces.as_line(text) for _, _, text in traces.read(ledgerlib.SHARED_DATA, name)]
        for at in range(0, len(texts), 500):
            daemon.accept(b"\n".join(texts[at:at + 500]))


@pytest.fixture(scope="module", params=["demo", "random", "agentdojo", "toolathlon"])
def store(request, tmp_path_factory):
    """(folder of a store, its exported events)"""
    folder = tmp_path_factory.mktemp(request.param)
    daemon = ledgerlib.Daemon(folder).start()
    try:
        fill(daemon, request.param)
    finally:
        daemon.close()
    return folder / "store", [json.loads(line) for line in ledgerlib.export_lines(folder / "store")]


def ask(store, *words, limit=0, since="2020-01-01", found=True):
    done = ledgerlib.run_cli("--data", store[0], *words, "-n", str(limit), "--since", since, "-o", "json", "-q",
                             status=0 if found else 1)
    return json.loads(done.stdout)["items"]


def assert_rows(items, wanted, identity):
    rows = {identity(item): item for item in items}
    assert len(rows) == len(items)
    assert set(rows) == set(wanted)
    for name, members in wanted.items():
        assert {member: rows[name][member] for member in members} == members, name


@pytest.mark.parametrize("paths", ["server.name,target.name", "kind,verdict", "user.id", "observer.role,server.version",
                                   "outcome.tool_error", "outcome.http_status,kind"])
def test_stats_are_those_of_the_events_in_each_group(store, paths):
    names = paths.split(",")
    wanted = model.stats(store[1], *names)
    items = ask(store, "stats", "--by", paths)
    for item in items:
        item["verdicts"] = {name: count for name, count in item["verdicts"].items() if count}
        assert item["other"] is False
    assert_rows(items, wanted, lambda item: tuple(item["by"][name] for name in names))


def test_stats_by_a_path_into_parameters(store):
    counted = [event for event in store[1] if model.is_call(event) and event.get("stage") != "start"]
    wanted = {}
    for event in counted:
        value = model.at(event, "request.path")
        assert value is None or isinstance(value, str)
        wanted[value] = wanted.get(value, 0) + 1
    assert {item["by"]["request.path"]: item["count"] for item in ask(store, "stats", "--by", "request.path")} == wanted


@pytest.mark.parametrize(("span", "ns"), [("minute", MINUTE), ("hour", 60 * MINUTE), ("day", 1440 * MINUTE)])
def test_stats_by_spans_of_time_stand_in_order(store, span, ns):
    wanted = {}
    for event in store[1]:
        if model.is_call(event) and event.get("stage") != "start":
            begin = model.rfc3339(model.time_of(event) // ns * ns)
            wanted[begin] = wanted.get(begin, 0) + 1
    items = ask(store, "stats", "--by", span)
    assert [(item["by"][span], item["count"]) for item in items] == sorted(wanted.items())


@pytest.mark.parametrize("column", ["count", "errors", "p99", "last_seen"])
def test_the_rest_is_one_row_and_totals_stay_right(store, column):
    everything = ask(store, "stats", "--by", "server,tool")
    items = ask(store, "stats", "--by", "server,tool", "--sort", column, limit=2)
    assert sum(item["count"] for item in items) == sum(item["count"] for item in everything)
    assert sum(item["errors"] for item in items) == sum(item["errors"] for item in everything)
    assert [item["other"] for item in items] == [False, False] + [True] * (len(everything) > 2)
    name = column if column in everything[0] else f"{column}_ns"
    size = model.ns_of if column == "last_seen" else lambda value: value or 0
    assert [size(item[name]) for item in items[:2]] == sorted(
        (size(item[name]) for item in everything), reverse=True)[:2]


def test_tools(store):
    assert_rows(ask(store, "tools"), model.tools(store[1]), lambda item: (item["tenant"], item["server"], item["tool"]))


def test_servers(store):
    assert_rows(ask(store, "servers"), model.servers(store[1]), lambda item: (item["tenant"], item["server"]))


def test_principals(store):
    wanted = model.principals(store[1])
    items = ask(store, "principals", found=bool(wanted))
    assert_rows(items, wanted, lambda item: (item["tenant"], item["principal"]))


def error_of(item):
    rest = None if item["stack_digest"] else (item["types"][0], tuple(item["servers"]), tuple(item["tools"]))
    return item["tenant"], item["stack_digest"], rest


def test_errors(store):
    items = ask(store, "errors")
    assert_rows(items, model.errors(store[1]), error_of)
    assert all(item["new"] for item in items)


def test_errors_are_new_where_none_was_before_the_range(store):
    failed = [event for event in store[1] if event["kind"] == "error" or event["verdict"] in model.ERRORS]
    middle = sorted(map(model.time_of, failed))[len(failed) // 2]
    older = model.errors([event for event in failed if model.time_of(event) < middle])
    items = ask(store, "errors", since=model.rfc3339(middle))
    newer = model.errors([event for event in failed if model.time_of(event) >= middle])
    assert {error_of(item): item["new"] for item in items} == {name: name not in older for name in newer}


def test_auth(store):
    wanted = model.auth(store[1])
    items = ask(store, "auth", found=bool(wanted))
    names = ("tenant", "principal", "client", "step", "method", "result", "reason")
    assert_rows(items, wanted, lambda item: tuple(item[name] for name in names))
    denials = [item["denied"] > 0 for item in items]
    assert denials == sorted(denials, reverse=True)


def test_sessions(store):
    items = ask(store, "sessions")
    assert [item["started"] for item in items] == sorted((item["started"] for item in items), key=model.ns_of)
    wanted = model.sessions(store[1])
    assert_rows(items, wanted, lambda item: (item["tenant"], item["type"],
                                             item["first_seq"] if item["inferred"] else item["id"]))
    newest = ask(store, "sessions", limit=3)
    assert [item["started"] for item in newest] == [item["started"] for item in items[-3:]]


def test_report_of_usage(store):
    assert_rows(ask(store, "report", "usage"), model.usage(store[1]),
                lambda item: (item["section"], item["tenant"], item["server"], item["name"]))


def test_report_of_tools(store):
    items = ask(store, "report", "tools")
    wanted = model.tools(store[1])
    identity = lambda item: (item["tenant"], item["server"], item["tool"])  # noqa: E731
    failing = [item for item in items if item["section"] == "failing"]
    assert {identity(item): item["errors"] for item in failing} == {
        name: members["errors"] for name, members in wanted.items() if members["errors"]}
    slowest = [item for item in items if item["section"] == "slowest"]
    assert [item["p95_ns"] for item in slowest] == sorted(
        (members["p95_ns"] for members in wanted.values() if members["p95_ns"] is not None), reverse=True)
    assert {identity(item) for item in items if item["section"] == "unused"} == model.unused(store[1])


def test_report_of_credentials(store):
    wanted = model.credentials(store[1])
    items = ask(store, "report", "credentials", found=bool(wanted))
    assert_rows(items, wanted, lambda item: (item["tenant"], item["credential"]))
    counts = [item["flag_count"] for item in items]
    assert counts == sorted(counts, reverse=True)
    assert all(item["flag_count"] == len(item["flags"]) for item in items)


def test_words_narrow_what_is_counted(store):
    server = next(event["server"]["name"] for event in store[1] if model.is_tool_call(event))
    some = [event for event in store[1] if model.at(event, "server.name") == server]
    assert_rows(ask(store, "tools", f'server:"{server}"'), model.tools(some),
                lambda item: (item["tenant"], item["server"], item["tool"]))
