"""What is wrong with an event harms that event alone: refused with a reason, or kept and marked, and always counted."""

import json
import time

import pytest
from canonical import split_export
from ledgerlib import tool_call

DAY_NS = 86_400 * 10**9
SERIES_MAX = 10_000  # metrics.series_max


def raw(event_id="bad", **members):
    return json.dumps(tool_call(id=event_id, **members)).encode()


def with_member(text):
    """A tool call with one more member, as bytes that json.dumps would not write."""
    return raw()[:-1] + b"," + text + b"}"


REFUSED = {
    "a comma too many": (raw()[:-1] + b",}", "malformed_json"),
    "a word that is no JSON": (with_member(b'"request":tru'), "malformed_json"),
    "a string without an end": (with_member(b'"intent":"abc'), "malformed_json"),
    "a raw control character": (with_member(b'"intent":"a\x01b"'), "malformed_json"),
    "a raw NUL": (with_member(b'"intent":"a\x00b"'), "malformed_json"),
    "invalid UTF-8": (with_member(b'"intent":"a\xff\xfeb"'), "invalid_utf8"),
    "invalid UTF-8 in a payload": (with_member(b'"request":{"a":"\xc3\x28"}'), "invalid_utf8"),
    "overlong UTF-8": (with_member(b'"intent":"\xc0\xaf"'), "invalid_utf8"),
    "an array": (b'["tool_call"]', "not_an_object"),
    "a string": (b'"tool_call"', "not_an_object"),
    "too deep": (with_member(b'"request":' + b"[" * 200 + b"]" * 200), "too_deep"),
    "no kind": (b'{"id":"bad","action":"tools/call"}', "missing_field"),
    "a tools/call without a tool": (b'{"kind":"tool_call","action":"tools/call","id":"bad"}', "missing_field"),
    "a number for a name": (b'{"kind":"tool_call","id":17,"target":{"name":"x"}}', "wrong_type"),
    "a string for an object": (with_member(b'"server":"fs"'), "wrong_type"),
    "a string for a number": (with_member(b'"duration_ns":"12"'), "wrong_type"),
    "a fraction for an integer": (with_member(b'"duration_ns":1.5'), "wrong_type"),
    "a number for a truth": (with_member(b'"cached":1'), "wrong_type"),
    "an integer beyond 64 bits": (with_member(b'"duration_ns":9223372036854775808'), "out_of_range"),
    "a time that is none": (with_member(b'"time":"yesterday"'), "out_of_range"),
    "an over-long identifier": (with_member(b'"session_id":"' + b"s" * 513 + b'"'), "too_long"),
    "an over-long kind": (b'{"kind":"' + b"k" * 65 + b'"}', "too_long"),
    "a member twice": (with_member(b'"intent":"a","intent":"b"'), "duplicate_member"),
    "a nested member twice": (with_member(b'"server":{"name":"a","name":"b"}'), "duplicate_member"),
    "an object twice": (with_member(b'"server":{"name":"a"},"server":{"version":"1"}'), "duplicate_member"),
    "a member twice, once escaped": (with_member(b'"intent":"a","inten\\u0074":"b"'), "duplicate_member"),
    "the collector's own kind": (b'{"kind":"ledger","op":"start"}', "kind_reserved"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_bad_event_is_refused_with_its_reason_and_its_neighbours_are_stored(daemon, what):
    bad, reason = REFUSED[what]
    answer = daemon.post(b"\n".join([raw("before"), bad, raw("after")]))
    assert answer.status == 200, answer
    counts = answer.json()
    assert (counts["accepted"], counts["duplicates"], counts["rejected_total"]) == (2, 0, 1)
    assert counts["rejected"][0]["index"] == 1
    assert counts["rejected"][0]["line"] == 2
    assert counts["rejected"][0]["error"]
    assert [json.loads(line)["id"] for line in daemon.export()] == ["before", "after"]
    assert daemon.metric("mcpledger_ingest_rejected_total", source="http", reason=reason) == 1


@pytest.mark.parametrize("what", REFUSED)
def test_alone_it_is_a_bad_request(daemon, what):
    bad, reason = REFUSED[what]
    answer = daemon.post(bad)
    assert answer.status == 400, answer
    assert answer.json()["accepted"] == 0
    assert daemon.export() == []
    assert daemon.metric("mcpledger_ingest_rejected_total", source="http") >= 1


def test_by_udp_it_is_refused_with_the_same_reason(daemon):
    """One datagram each, with a good neighbour before and behind."""
    for number, (bad, _) in enumerate(REFUSED.values()):
        daemon.send_udp(b"\n".join([raw(f"before-{number}"), bad, raw(f"after-{number}")]))
    daemon.wait_for("mcpledger_ingest_events_total", 2 * len(REFUSED), source="udp", result="stored")
    reasons = [reason for _, reason in REFUSED.values()]
    for reason in set(reasons):
        assert daemon.metric("mcpledger_ingest_rejected_total", source="udp", reason=reason) == reasons.count(reason)
    assert len(daemon.export()) == 2 * len(REFUSED)


def test_an_answer_lists_a_hundred_refusals_and_counts_all(daemon):
    answer = daemon.post(b"\n".join([raw("good")] + [b'{"kind":1}'] * 250))
    assert answer.status == 200
    assert answer.json()["rejected_total"] == 250
    assert len(answer.json()["rejected"]) == 100


def test_an_error_answer_holds_nothing_of_the_event(daemon):
    secret = "hunter2-not-to-be-told"
    answer = daemon.post(f'{{"kind":"tool_call","password":"{secret}","id":{{"{secret}":1}}}}')
    assert answer.status == 400
    assert secret not in answer.body.decode()
    assert secret not in daemon.log()


def test_the_refusals_are_on_record_in_the_ledger(daemon):
    daemon.post(b"\n".join([raw("good"), b'{"kind":1}']))
    daemon.stop()
    notes = [json.loads(line) for line in daemon.cli_on_store("export").stdout.splitlines()]
    rejects = [note["detail"] for note in notes if note["kind"] == "ledger" and note["op"] == "reject"]
    assert [(detail["source"], detail["reason"], detail["count"]) for detail in rejects] == [("http", "wrong_type", 1)]


# --- kept and marked ---

def only(daemon):
    line, = daemon.export()
    return json.loads(line)


def test_an_unknown_kind_is_kept_and_marked(daemon):
    daemon.accept({"kind": "weather", "id": "w", "sky": "clear", "server": {"name": "a", "mood": {"b": 1}}})
    event = only(daemon)
    assert event["kind"] == "weather"
    assert event["marks"]["kind_unknown"] is True
    assert event["attrs"] == {"sky": "clear", "server.mood": {"b": 1}}


@pytest.mark.parametrize("time_ns", [0, -1, 1, 2**63 - 1, -2**63], ids=str)
def test_a_far_time_is_kept_and_marked(daemon, time_ns):
    daemon.accept(tool_call(time=time_ns))
    event = only(daemon)
    assert event["time"] == time_ns
    assert event["marks"]["time_suspect"] is True


def test_a_time_a_few_hours_off_is_not_suspect(daemon):
    daemon.accept(tool_call(time=time.time_ns() - DAY_NS // 4))
    assert "time_suspect" not in only(daemon).get("marks", {})


def test_a_member_twice_inside_a_payload_is_kept_and_marked(daemon):
    daemon.accept(with_member(b'"request":{"a":1,"a":2,"b":{"c":1,"c":1}}'))
    line, = daemon.export()
    assert b'"request":{"a":1,"a":2,"b":{"c":1,"c":1}}' in line
    assert json.loads(line)["marks"]["duplicate_members"] is True


# --- cut and marked ---

def test_a_long_payload_is_cut_and_marked(make_daemon):
    daemon = make_daemon(settings={"ingest.payload_bytes_max": "64KiB"})
    long = "abcdefghij" * 10_000
    daemon.accept(tool_call(id="long", request={"text": long}, response=long[:60_000]))
    event = only(daemon)
    sent = json.dumps({"text": long}, separators=(",", ":"))
    assert sent.startswith(event["request"])
    assert 65536 - 16 <= len(json.dumps(event["request"])) <= 65536  # as it is kept: in quotes, escaped
    assert event["response"] == long[:60_000]
    assert event["request_size"] == len(sent)
    assert event["marks"]["cut"], event["marks"]
    assert "request" in json.dumps(event["marks"]["cut"])
    assert event["request_digest"].startswith("hmac-sha256:")
    assert "response_digest" not in event


def test_a_cut_does_not_break_a_character(make_daemon):
    daemon = make_daemon(settings={"ingest.payload_bytes_max": "1KiB"})
    for shift in range(4):
        daemon.accept(json.dumps(tool_call(request="x" * shift + "\U0001f600" * 1000), ensure_ascii=False))
    for line in daemon.export():
        assert set(json.loads(line)["request"]) <= set('"x\U0001f600')


def test_long_prose_is_cut_and_marked_but_kept(daemon):
    daemon.accept(tool_call(intent="i" * 70_000, error={"stack": "s" * 300_000}))
    event = only(daemon)
    assert event["intent"] == "i" * 65536
    assert event["error"]["stack"] == "s" * 262144
    assert len(event["marks"]["cut"]) == 2


def test_an_event_beyond_the_limit_is_refused(make_daemon):
    daemon = make_daemon(settings={"ingest.event_bytes_max": "64KiB"})
    answer = daemon.post([tool_call(id="a"), tool_call(id="b", request="x" * 70_000), tool_call(id="c")])
    assert answer.status == 200
    assert answer.json()["accepted"] == 2
    assert daemon.metric("mcpledger_ingest_rejected_total", source="http", reason="event_too_large") == 1


# --- label overflow ---

def test_ten_thousand_tool_names_stay_within_the_series_limit_and_totals_stay_right(daemon):
    count = SERIES_MAX + 2000
    for at in range(0, count, 1000):
        daemon.accept([tool_call(f"tool-{n}", server={"name": "many"}, outcome={"tool_error": False})
                       for n in range(at, at + 1000)])
    daemon.accept([tool_call("tool-0", server={"name": "many"}, outcome={"tool_error": False})] * 5)
    calls = [(labels, value) for name, labels, value in daemon.metrics() if name == "mcpledger_calls_total"]
    assert sum(value for _, value in calls) == count + 5
    overflow = sum(value for labels, value in calls if labels.get("otel_metric_overflow") == "true")
    assert 0 < overflow < count
    assert len(calls) <= SERIES_MAX + 1
    assert len(daemon.export()) == count + 5
    kept, added = split_export(daemon.export()[-1])
    assert b'"tool-0"' in kept and added["verdict"].text == b'"ok"'
