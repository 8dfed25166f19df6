"""Real traces go in by HTTP, gzip and UDP; `export` gives back each event's canonical bytes, timelines their order."""

import json
from collections import defaultdict
from urllib.parse import quote

import pytest
import traces
from canonical import canonical, parse, split_export
from expected_redaction import matches

BODY_EVENTS = 500
DATAGRAM_BYTES_MAX = 60_000
DATAGRAM_WINDOW = 200  # datagrams on their way: nothing is dropped, so that all can be compared


def post_all(daemon, events, compress):
    for at in range(0, len(events), BODY_EVENTS):
        body = b"\n".join(traces.as_line(text) for _, _, text in events[at:at + BODY_EVENTS])
        daemon.accept(body, compress=compress)


def send_all_udp(daemon, events):
    """Sends what fits into a datagram; returns it."""
    fitting = [event for event in events if len(event[2]) <= DATAGRAM_BYTES_MAX]
    for at in range(0, len(fitting), DATAGRAM_WINDOW):
        daemon.send_udp(*(traces.as_line(text) for _, _, text in fitting[at:at + DATAGRAM_WINDOW]))
        daemon.wait_for("mcpledger_ingest_events_total", min(at + DATAGRAM_WINDOW, len(fitting)), source="udp",
                        result="stored")
    return fitting


def assert_kept(events, exported):
    """Each event is there once, in order, with its canonical bytes; where redaction is marked, but for its spans."""
    assert len(exported) == len(events)
    redacted = 0
    for (event_id, _, text), line in zip(events, exported, strict=True):
        wanted = canonical(text)
        kept, added = split_export(line)
        right, spans = matches(parse(wanted), parse(kept))
        assert right, f"{event_id}:\n{wanted[:2000]}\n{kept[:2000]}"
        assert ("redaction" in added) == (spans > 0), (event_id, spans, added.get("redaction"))
        if spans:
            redacted += 1
        else:
            assert kept == wanted, event_id
    return redacted


def assert_sessions_in_order(daemon, events):
    """Every session's timeline shows its calls, all of them and in order."""
    sessions = defaultdict(list)
    for event_id, session, _ in events:
        sessions[session].append(event_id)
    for session, ids in sessions.items():
        answer = daemon.get(f"/api/v1/timeline?id={quote(session, safe='')}")
        assert answer.status == 200, answer
        shown = [moment["event"]["id"] for timeline in answer.json()["timelines"] for moment in timeline["moments"]]
        assert shown == ids, session
    return sessions


@pytest.mark.parametrize("way", ["http", "gzip", "udp"])
@pytest.mark.parametrize("name", list(traces.SETS))
def test_a_trace_comes_back_byte_for_byte(make_daemon, shared_data, name, way):
    daemon = make_daemon()
    events = traces.read(shared_data, name)
    if way == "udp":
        events = send_all_udp(daemon, events)
    else:
        post_all(daemon, events, compress=way == "gzip")
    live = daemon.export()
    redacted = assert_kept(events, live)
    if way == "http":
        sessions = assert_sessions_in_order(daemon, events)
        shown = daemon.cli("timeline", next(iter(sessions)), "-o", "json").stdout
        assert json.loads(shown)
        text = daemon.cli("timeline", next(iter(sessions)), "--utc").stdout.decode()
        assert json.loads(events[0][2])["target"]["name"] in text
    daemon.stop()
    assert daemon.export() == live, "a sealed store exports the same bytes"
    print(f"{name} by {way}: {len(events)} events, {redacted} redacted")
