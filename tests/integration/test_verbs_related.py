"""`related`: what has to do with an event, and why, checked against Python over the same store's export."""

import gzip
import json
import random
import re
from collections import defaultdict

import ledgerlib
import pytest

NS = 10**9
NEAR = 5 * 60 * NS
DEMO = ledgerlib.ROOT / "config" / "demo" / "demo.ndjson.gz"
EVERY = ("-n", "0", "-q", "-o", "json")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A stopped store with the demo's recording as it is: its folder, and its events."""
    folder = tmp_path_factory.mktemp("demo")
    daemon = ledgerlib.Daemon(folder).start()
    daemon.accept(gzip.decompress(DEMO.read_bytes()), path="/v1/import")
    daemon.stop()
    store = folder / "store"
    return store, [json.loads(line) for line in ledgerlib.export_lines(store)]


def related(store, *words, **kwargs):
    answer = ledgerlib.run_cli("--data", store, "related", *words, *EVERY, **kwargs)
    return {item["seq"]: item for item in json.loads(answer.stdout)["items"]}


def at(event, path):
    for name in path.split("."):
        event = event.get(name) if isinstance(event, dict) else None
    return event


def nanoseconds(event):
    return event.get("time", event["recv_time"])


def expected(seed, events):
    """{seq: relations} of all but values, one rule after the other."""
    start = nanoseconds(seed)
    end = start + seed.get("duration_ns", 0)
    found = defaultdict(set)
    for event in events:
        add = found[event["seq"]].add
        if event["seq"] == seed["seq"]:
            continue
        for relation, path in (("conversation", "conversation_id"), ("session", "session_id"), ("trace", "trace_id"),
                               ("turn", "turn_id"), ("task", "task_id"), ("state", "state_digest")):
            if at(seed, path) and at(seed, path) == at(event, path):
                add(relation)
        tokens = [{value for value in (at(one, "oauth.token_id"), one.get("credential_id")) if value}
                  for one in (seed, event)]
        if tokens[0] & tokens[1]:
            add("token")
        if start - NEAR <= nanoseconds(event) <= end + NEAR and event["kind"] not in ("heartbeat", "resource_usage"):
            for relation, path in (("user_near", "user.id"), ("server_near", "server.name")):
                if at(seed, path) and at(seed, path) == at(event, path):
                    add(relation)
        if seed.get("request") and at(seed, "target.name") and all(
                at(seed, path) == at(event, path) for path in ("request", "target.name", "action")):
            add("arguments")
        links = ("caused_by", "retry_of", "binds_to", "cancelled_by")
        if any(event.get(link) == seed["id"] for link in links):
            add("names")
        if any(seed.get(link) == event["id"] for link in links):
            add("named")
        if seed.get("trace_id") and seed.get("trace_id") == event.get("trace_id"):
            if seed.get("span_id") and event.get("parent_span_id") == seed["span_id"]:
                add("called")
            if seed.get("parent_span_id") and event.get("span_id") == seed["parent_span_id"]:
                add("caller")
    return {seq: relations for seq, relations in found.items() if relations}


BY_VALUE = {"passed_on", "came_from", "parameter", "result"}


def test_relations_by_field_are_those_python_finds(demo):
    store, events = demo
    kinds = defaultdict(list)
    for event in events:
        if event["kind"] != "ledger":
            kinds[event["kind"], event.get("action")].append(event)
    chosen = random.Random(1)
    seeds = [event for group in kinds.values() for event in chosen.sample(group, min(2, len(group)))]
    assert len(seeds) >= 20
    for seed in seeds:
        found = related(store, str(seed["seq"]), status=None)
        assert found.pop(seed["seq"])["relations"] == ["itself"]
        ours = {seq: set(item["relations"]) - BY_VALUE for seq, item in found.items()}
        assert {seq: relations for seq, relations in ours.items() if relations} == expected(seed, events), seed["seq"]


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def marks(value):
    """What a person would call an id or an address of the demo."""
    return {found for text in strings(value)
            for found in re.findall(r"\b(?:[A-Z]{2,}-\d{3,}|[a-z.]+@[a-z.]+\.[a-z]{2,}|/srv/[\w./-]*\w)", text)}


def test_a_value_of_a_result_is_followed_into_later_parameters(demo):
    store, events = demo
    calls = [event for event in events if event["kind"] == "tool_call" and event.get("response")]
    checked = 0
    for seed in calls[::7]:
        new = marks(seed["response"]) - marks(seed.get("request"))
        wanted = {event["seq"]: new & marks(event["request"]) for event in calls
                  if event["seq"] != seed["seq"] and event.get("request") and nanoseconds(event) >= nanoseconds(seed)
                  and event.get("session_id") and event.get("session_id") == seed.get("session_id")}
        wanted = {seq: values for seq, values in wanted.items() if values}
        if not wanted:
            continue
        found = related(store, seed["id"])
        for seq, values in wanted.items():
            assert "passed_on" in found[seq]["relations"], (seed["seq"], seq, values)
            assert values <= set(found[seq]["values"]), (seed["seq"], seq)
            checked += 1
    assert checked >= 3


def test_what_passed_on_says_is_true(demo):
    store, events = demo
    by_seq = {event["seq"]: event for event in events}
    checked = 0
    for seed in [event for event in events if event["kind"] == "tool_call"][::11]:
        for seq, item in related(store, str(seed["seq"]), status=None).items():
            if "passed_on" not in item["relations"]:
                continue
            given = "\n".join(strings(by_seq[seq]["request"]))
            held = "\n".join(strings(seed["response"]))
            assert any(value in given and value in held for value in item["values"]), (seed["seq"], item)
            assert nanoseconds(by_seq[seq]) >= nanoseconds(seed)
            checked += 1
    assert checked >= 3


def test_a_text_is_followed_from_results_to_parameters(demo):
    store, events = demo
    found = related(store, "OPS-101")
    held, given = set(), set()
    for event in events:
        if any(re.search(r"\bOPS-101\b", text) for text in strings(event.get("response"))):
            held.add(event["seq"])
        if any(re.search(r"\bOPS-101\b", text) for text in strings(event.get("request"))):
            given.add(event["seq"])
    assert held and given
    assert {seq for seq, item in found.items() if "held" in item["relations"]} == held
    assert {seq for seq, item in found.items() if {"given", "given_on"} & set(item["relations"])} == given
    first = min(nanoseconds(event) for event in events if event["seq"] in held)
    assert {seq for seq, item in found.items() if "given_on" in item["relations"]} == {
        event["seq"] for event in events if event["seq"] in given and nanoseconds(event) > first}
    times = [item["time"] for item in found.values()]
    assert times == sorted(times)


def test_strongest_and_nearest_come_first_and_the_limit_is_told(demo):
    store, events = demo
    seed = next(event for event in events if at(event, "target.name") == "convert_currency" and event.get("request"))
    whole = list(related(store, seed["id"]).values())
    order = [(-item["strength"], abs(item["distance_ns"]), item["seq"]) for item in whole]
    assert order == sorted(order)
    cut = json.loads(ledgerlib.run_cli("--data", store, "related", seed["id"], "-n", "3", "-q", "-o", "json").stdout)
    assert cut["items"] == whole[:4]  # the event itself, and three
    assert cut["coverage"]["more"] is True


def test_other_tenants_are_not_related(make_daemon):
    daemon = make_daemon()
    daemon.accept([ledgerlib.tool_call("mail", id=f"{tenant}-{number}", tenant=tenant, session_id="one",
                                       user={"id": "ana"}, request={"to": "bo@example.com"})
                   for tenant in ("acme", "beta") for number in range(3)])
    found = related(daemon.data, "acme-1")
    assert {item["id"] for item in found.values()} == {"acme-0", "acme-1", "acme-2"}
    assert daemon.cli("related", "acme-1", "-q").stdout == daemon.cli_on_store("related", "acme-1", "-q").stdout


def test_nothing_is_related_is_1_and_many_are_bounded(make_daemon):
    daemon = make_daemon()
    daemon.accept([ledgerlib.tool_call("ping", id="alone", server={"name": "s0"})])
    assert set(related(daemon.data, "alone", status=1)) == {2}
    related(daemon.data, "no such id", status=1)
    many = [ledgerlib.tool_call("ping", id=f"e{n}", server={"name": "busy"}, user={"id": f"u{n}"},
                                request={"n": f"value-{n % 7}"}) for n in range(30000)]
    for start in range(0, len(many), 5000):
        daemon.accept(many[start:start + 5000])
    answer = json.loads(daemon.cli_on_store("related", "e5", *EVERY, timeout=300).stdout)
    assert len(answer["items"]) == 20000
    assert answer["coverage"]["more"] is True
    assert all("parameter" in item["relations"] for item in answer["items"][1:4000])


def test_hostile_text_stays_in_its_cell(make_daemon):
    daemon = make_daemon()
    bad = "\x1b[2J\u202eevil@example.com\n=1+1"
    daemon.accept([ledgerlib.tool_call(bad, id="a", session_id=bad, user={"id": bad}, response={"t": bad}),
                   ledgerlib.tool_call("echo", id="b", session_id=bad, user={"id": bad}, request={"t": bad})])
    table = daemon.cli_on_store("related", "a", "-q").stdout
    assert b"\x1b" not in table and "\u202e".encode() not in table
    assert len(table.splitlines()) == 3
    assert b",=1" not in daemon.cli_on_store("related", "a", "-q", "-o", "csv").stdout
    assert related(daemon.data, "a")[3]["relations"][0] == "passed_on"


def test_a_text_without_a_word_is_refused(demo):
    done = ledgerlib.run_cli("related", "\x1b...", "--data", demo[0], status=2)
    assert b"there is no letter or digit to search for" in done.stderr


def test_nearness_is_five_minutes_from_start_and_end(make_daemon):
    daemon = make_daemon()
    start = 1_795_168_800 * NS
    end = start + 60 * NS
    times = {"before": start - NEAR - 1, "first": start - NEAR, "last": end + NEAR, "after": end + NEAR + 1}
    ana = {"id": "ana"}
    events = [ledgerlib.tool_call("slow", id="slow", time=start, duration_ns=60 * NS, user=ana)]
    events += [ledgerlib.tool_call("x", id=name, time=time, user=ana) for name, time in times.items()]
    daemon.accept(events, path="/v1/import")
    found = {item["id"]: item["relations"] for item in related(daemon.data, "slow").values()}
    assert found == {"slow": ["itself"], "first": ["user_near"], "last": ["user_near"]}
