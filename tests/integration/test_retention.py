"""Segments that roll over by size, and what is told when the oldest are removed."""

import json
import random

import ledgerlib

SEGMENT_BYTES = 16 * 1024 * 1024  # the least that the setting allows
REQUEST_BYTES = 12_000  # not stored apart from its event


def fill_segments(daemon, count):
    """Stores events that do not compress until there are so many segments; returns their ids in order."""
    generator = random.Random(7)
    ids = []
    while len(list(daemon.data.glob("seg-*.mdb"))) < count:
        body = []
        for _ in range(500):
            ids.append(f"call-{len(ids)}")
            body.append(ledgerlib.tool_call(id=ids[-1], session={"id": f"session-{len(ids) // 1000}"},
                                            request={"text": generator.randbytes(REQUEST_BYTES // 2).hex()}))
        daemon.accept(body)
    return ids


def all_events(daemon):
    done = daemon.cli_on_store("export")
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.decode()


def test_the_oldest_segments_go_and_every_answer_says_so(make_daemon):
    daemon = make_daemon(settings={"store.segment_bytes_max": SEGMENT_BYTES})
    ids = fill_segments(daemon, 4)
    daemon.stop()
    events, coverage = all_events(daemon)
    assert [event["id"] for event in events if event["kind"] == "tool_call"] == ids
    assert "expired" not in coverage

    daemon.settings["store.retention_bytes"] = 2 * SEGMENT_BYTES
    daemon.start()
    daemon.accept(ledgerlib.tool_call(id="after"))
    assert daemon.post(ledgerlib.tool_call(id="after")).json()["duplicates"] == 1
    assert daemon.post(ledgerlib.tool_call(id=ids[0])).json()["accepted"] == 1  # its first one is gone
    over_http = daemon.get("/api/v1/events?q=nowhere").json()["coverage"]
    daemon.stop()

    events, coverage = all_events(daemon)
    kept = [event["id"] for event in events if event["kind"] == "tool_call"][:-2]
    assert 0 < len(kept) < len(ids) and kept == ids[-len(kept):]
    seqs = [event["seq"] for event in events]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    prunes = [event["detail"] for event in events if event["kind"] == "ledger" and event["op"] == "prune"]
    assert len(prunes) == 1
    assert prunes[0]["first_seq"] == 1 and prunes[0]["last_seq"] == seqs[0] - 1 == prunes[0]["events"]
    assert f"{seqs[0] - 1} older events are expired" in coverage
    assert over_http["expired"] == seqs[0] - 1 and over_http["complete"] is False
    daemon.cli_on_store("search", "call-0", "--require-complete", status=3)
