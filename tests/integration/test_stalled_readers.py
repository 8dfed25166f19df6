"""Readers of a live store that stall or die: the collector must not pay for them."""

import contextlib
import http.client
import json
import os
import signal
import struct
import subprocess

import ledgerlib

NO_SNAPSHOT = 2**64 - 1


def reader_slots(daemon):
    """Process id to transaction number of LMDB's reader table: 128 bytes of head, then 64 bytes a slot."""
    slots = {}
    for lock in daemon.data.glob("seg-*.mdb-lock"):
        table = lock.read_bytes()[128:]
        for at in range(0, len(table) - 63, 64):
            txnid, pid = struct.unpack_from("<QI", table, at)
            if pid:
                slots.setdefault(pid, []).append(txnid)
    return slots


def stalled_export(daemon):
    """An export whose output nobody takes, once it has filled the pipe."""
    reading = subprocess.Popen([ledgerlib.CLI, "export", "--data", daemon.data], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, env=ledgerlib.clean_environment())
    os.read(reading.stdout.fileno(), 1)
    return reading


def fill(daemon, first, count=20_000):
    for start in range(first, first + count, 1000):
        daemon.accept([ledgerlib.tool_call(id=f"call-{i}", request={"n": i}) for i in range(start, start + 1000)])


def test_an_export_into_a_stalled_pipe_parks_and_then_goes_on(daemon):
    fill(daemon, 0)
    reading = stalled_export(daemon)
    ledgerlib.wait_until(lambda: all(txnid == NO_SNAPSHOT for txnid in reader_slots(daemon)[reading.pid]),
                         "the stalled reader has let its snapshot go")
    fill(daemon, 20_000)
    rest = reading.stdout.read()
    assert reading.wait() == 0
    events = [json.loads(line) for line in (b"{" + rest).splitlines()]
    ids = [event["id"] for event in events if event["kind"] == "tool_call"]
    assert ids == [f"call-{i}" for i in range(len(ids))] and len(ids) == 20_000


def test_a_reader_killed_while_reading_leaves_others_alone(daemon):
    fill(daemon, 0)
    reading = stalled_export(daemon)
    reading.send_signal(signal.SIGKILL)
    reading.wait()
    assert reading.pid in reader_slots(daemon)  # its slot outlives it
    fill(daemon, 20_000)
    events = [json.loads(line) for line in daemon.cli_on_store("export").stdout.splitlines()]
    assert sum(event["kind"] == "tool_call" for event in events) == 40_000
    # The collector looks for dead readers as it starts, and each minute.
    daemon.stop()
    daemon.start()
    assert reading.pid not in reader_slots(daemon)


def test_an_answer_that_nobody_takes_keeps_no_pages_of_the_collector(daemon):
    count = 20_000  # of 2 KB: more than sockets hold
    for start in range(0, count, 1000):
        daemon.accept([ledgerlib.tool_call(id=f"call-{i}", request={"text": "x" * 2000})
                       for i in range(start, start + 1000)])
    connection = http.client.HTTPConnection(*daemon.http_address(), timeout=ledgerlib.WAIT_SECONDS)

    def snapshots():
        return reader_slots(daemon).get(daemon.pid, [])

    with contextlib.closing(connection):
        connection.request("GET", "/api/v1/export")
        answer = connection.getresponse()
        ledgerlib.wait_until(lambda: snapshots() and set(snapshots()) == {NO_SNAPSHOT},
                             "the stalled query has let its snapshot go")
        fill(daemon, count, 1000)
        events = [json.loads(line) for line in answer.read().splitlines()]
    ids = [event["id"] for event in events if event["kind"] == "tool_call"]
    assert ids == [f"call-{i}" for i in range(len(ids))] and len(ids) >= count
