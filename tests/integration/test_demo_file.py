"""config/demo/demo.ndjson.gz holds what its README says, and nothing of the machine it was recorded on."""

import datetime
import gzip
import json
import re
import socket
from collections import Counter, defaultdict
from pathlib import Path

import pytest

DEMO = Path(__file__).resolve().parents[2] / "config" / "demo" / "demo.ndjson.gz"
LEGACY, STATELESS = "2025-11-25", "2026-07-28"
HOSTS = {"id.example.com", "psp.example.com", "payments.internal", "search.internal",  # the scenario's
         "errors.pydantic.dev", "json-schema.org", "raw.githubusercontent.com"}  # in what the servers answer
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
HEX32 = re.compile(r"[0-9a-f]{32}")
HEX16 = re.compile(r"[0-9a-f]{16}")


@pytest.fixture(scope="module")
def text():
    return gzip.decompress(DEMO.read_bytes()).decode()


@pytest.fixture(scope="module")
def events(text):
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def calls(events):
    return [event for event in events if event.get("action") == "tools/call"]


def test_it_is_small():
    assert DEMO.stat().st_size < 1_000_000


def test_there_are_enough_calls(calls):
    assert len(calls) >= 300


def test_at_least_four_servers_both_eras_and_both_transports_have_calls(calls):
    eras, transports = defaultdict(set), defaultdict(set)
    for call in calls:
        eras[call["net"]["protocol_version"]].add(call["server"]["name"])
        transports[call["net"]["transport"]].add(call["server"]["name"])
    assert len(set().union(*eras.values())) >= 4
    assert eras.keys() == {LEGACY, STATELESS}
    assert transports.keys() == {"pipe", "http"}
    assert min(map(len, [*eras.values(), *transports.values()])) >= 2


def test_every_outcome_is_there(events, calls):
    outcomes = Counter()
    for event in events:
        if event["kind"] != "tool_call":
            continue
        outcome, error = event.get("outcome", {}), event.get("error", {})
        outcomes["success"] += outcome.get("tool_error") is False and not error
        outcomes["tool error"] += outcome.get("tool_error") is True
        outcomes["JSON-RPC error"] += "rpc_code" in outcome
        outcomes["timeout"] += error.get("type") == "timeout"
        outcomes["401"] += outcome.get("http_status") == 401
        outcomes["403"] += outcome.get("http_status") == 403
        outcomes["cancelled"] += "cancelled_by" in event
        outcomes["input required"] += outcome.get("result_type") == "input_required"
        outcomes["connection lost"] += error.get("type") == "connection_closed"
        outcomes["retry"] += "retry_of" in event
    assert min(outcomes.values()) >= 1, outcomes
    assert outcomes["success"] > len(calls) / 2


def test_refusals_have_their_auth_events(events):
    denied = Counter(e["http_status"] for e in events if e["kind"] == "auth" and e["result"] == "deny")
    assert denied[401] and denied[403]
    assert any(e["kind"] == "auth" and e["result"] == "allow" for e in events)


def test_a_tool_fails_after_its_definition_changed(events, calls):
    changes = [e for e in events if e["kind"] == "tool_definition" and e["op"] == "changed"]
    assert changes
    for change in changes:
        assert change["old_digest"] != change["new_digest"]
    change = next(c for c in changes if c["target"]["name"] == "convert_currency")

    def failed(before):
        return [e["outcome"]["tool_error"] for e in calls if e["target"]["name"] == "convert_currency"
                and "tool_error" in e.get("outcome", {}) and (e["time"] < change["time"]) == before
                and e["request"].get("to_currency") == "USD"]

    assert failed(before=True) and not any(failed(before=True))
    assert failed(before=False) and all(failed(before=False))


def test_three_people_have_tokens_of_their_own(calls):
    tokens = defaultdict(set)
    for call in calls:
        if "oauth" in call:
            tokens[call["user"]["id"]].add(call["oauth"]["token_id"])
    assert len(tokens) >= 3
    assert all(person.endswith("@example.com") for person in tokens)
    assert len(set().union(*tokens.values())) == sum(map(len, tokens.values()))


def test_there_are_read_and_write_tools(calls):
    hints = [call["target"].get("hints", {}).get("read_only") for call in calls]
    assert True in hints and False in hints


def test_the_times_lie_on_eight_days_and_the_last_line_is_the_last(events):
    times = [event["time"] for event in events]
    days = {datetime.datetime.fromtimestamp(t // 10**9, datetime.UTC).date() for t in times}
    assert len(days) == 8
    assert times[-1] == max(times)
    assert "duration_ns" not in events[-1]


def test_ids_have_the_forms_that_loading_replaces(events):
    forms = {"id": UUID, "conversation_id": UUID, "retry_of": UUID, "caused_by": UUID, "binds_to": UUID,
             "trace_id": HEX32, "span_id": HEX16, "parent_span_id": HEX16}
    for event in events:
        for member, form in forms.items():
            assert member not in event or form.fullmatch(event[member]), (member, event[member])
        session = event.get("session_id")
        assert session is None or UUID.fullmatch(session) or HEX32.fullmatch(session), session
        assert UUID.fullmatch(event["observer"]["epoch"])
        assert "tenant" not in event
    assert len({event["id"] for event in events}) == len(events)


def test_references_lead_to_events_of_the_file(events):
    ids = {event["id"] for event in events}
    for event in events:
        for member in ("retry_of", "caused_by", "binds_to"):
            assert member not in event or event[member] in ids


def test_calls_of_a_server_are_nested_in_the_call_that_caused_them(events):
    spans = {event.get("span_id"): event for event in events if event["kind"] == "tool_call"}
    nested = [e for e in events if e["kind"] == "tool_call" and e.get("parent_span_id") in spans]
    assert any(spans[e["parent_span_id"]]["server"]["name"] != e["server"]["name"] for e in nested)


def test_redaction_finds_something_to_take_away(text):
    assert "AKIAIOSFODNN7EXAMPLE" in text
    assert "eyJhbGciOiJIUzI1NiIs" in text


def test_no_path_or_name_of_the_recording_machine_is_in_it(text):
    for word in (r"/work\b", r"/root\b", r"/home\b", r"/tmp\b", "venv", "node_modules", "site-packages", "BEGIN "):
        assert not re.search(word, text), word
    if len(socket.gethostname()) > 3:
        assert socket.gethostname() not in text
    assert set(re.findall(r"https?://([^/\s\"\\:]+)", text)) <= HOSTS
