"""kill -9, again and again, under HTTP and UDP load: what was acknowledged is there, exactly once, byte for byte.

The checker keeps its own account of what it sent and what was acknowledged.  Segments are small, so that the store
rolls over among the kills, and later old segments are removed: what is gone must be what the ledger says was pruned.
"""

import collections
import contextlib
import http.client
import json
import os
import random
import threading
import time

import ledgerlib
from canonical import canonical, split_export

ROUNDS = 100
RETENTION_FROM_ROUND = 70
SEED = int(os.environ.get("MCPLEDGER_TEST_SEED", "0")) or random.SystemRandom().getrandbits(32)
ROUND_SECONDS_MAX = 30
HTTP_SENDERS = 3
SETTINGS = {"store.segment_bytes_max": "16MiB", "store.block_age_max": "1s", "udp.receive_buffer_bytes": "1MiB"}
SEGMENT_BYTES = 16 * 1024 * 1024


class Account:
    """What was sent: id -> canonical bytes; and which of it the daemon has acknowledged."""

    def __init__(self):
        self.lock = threading.Condition()
        self.sent = {}
        self.acknowledged = set()
        self.acks = 0
        self.problems = []
        self.waiting = collections.deque()  # bodies without an answer, to be sent again

    def acknowledge(self, ids):
        with self.lock:
            self.acknowledged.update(ids)
            self.acks += 1
            self.lock.notify_all()

    def wait_for_acks(self, count):
        with self.lock:
            return self.lock.wait_for(lambda: self.problems or self.acks >= count, ROUND_SECONDS_MAX)


class Sender(threading.Thread):
    """Sends until the daemon is gone, then ends."""

    def __init__(self, account, daemon, rng, name):
        super().__init__(name=name)
        self.account, self.daemon, self.rng = account, daemon, rng
        self.stopping = False

    def make(self, count):
        events = {}
        for number in range(count):
            event_id = f"{self.name}-{number}-{self.rng.getrandbits(64):016x}"
            events[event_id] = ledgerlib.noisy_event(self.rng, event_id)
        with self.account.lock:
            self.account.sent.update((event_id, canonical(text)) for event_id, text in events.items())
        return events

    def run(self):
        try:
            self.send()
        except (OSError, http.client.HTTPException):
            pass  # it was killed
        except Exception as problem:
            with self.account.lock:
                self.account.problems.append(repr(problem))
                self.account.lock.notify_all()


class HttpSender(Sender):
    def send(self):
        connection = http.client.HTTPConnection(*self.daemon.http_address(), timeout=ROUND_SECONDS_MAX)
        with contextlib.closing(connection):
            while not self.stopping:
                self.exchange(connection, *self.next_body())

    def next_body(self):
        """(ids, lines, how many of them are bad): one that waits for an answer, or a new one."""
        with contextlib.suppress(IndexError):
            return self.account.waiting.popleft()
        events = self.make(self.rng.choice((1, 5, 30)))
        lines = list(events.values())
        bad = self.rng.random() < 0.1
        if bad:
            lines.insert(self.rng.randrange(len(lines) + 1), b'{"kind":"tool_call","id":1}')
        return list(events), lines, int(bad)

    def exchange(self, connection, *body):
        """One body and its answer; without one it waits to be sent again, by this sender or another."""
        ids, lines, bad = body
        if self.rng.random() < 0.05:
            self.account.waiting.append(body)  # twice, and maybe at the same time
        try:
            connection.request("POST", "/v1/events", b"\n".join(lines))
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.account.waiting.append(body)
            raise
        if answer.status in (429, 503):
            self.account.waiting.append(body)
            return
        assert answer.status == 200, (answer.status, text)
        counts = json.loads(text)
        assert counts["accepted"] + counts["duplicates"] == len(ids), counts
        assert counts["rejected_total"] == bad, counts
        self.account.acknowledge(ids)


class UdpSender(Sender):
    """Nothing is acknowledged by UDP: a few events at a time, whenever HTTP has moved on."""

    def send(self):
        while not self.stopping:
            self.daemon.send_udp(*self.make(3).values())
            self.wait_for_an_ack(self.account.acks)

    def wait_for_an_ack(self, seen):
        with self.account.lock:
            self.account.lock.wait_for(lambda: self.stopping or self.account.acks > seen, ROUND_SECONDS_MAX)


def play_round(daemon, account, rng, number):
    daemon.start()
    senders = [HttpSender(account, daemon, random.Random(rng.getrandbits(64)), f"r{number}h{n}")
               for n in range(HTTP_SENDERS)]
    senders.append(UdpSender(account, daemon, random.Random(rng.getrandbits(64)), f"r{number}u"))
    target = account.acks + rng.randrange(1, 40)
    for sender in senders:
        sender.start()
    assert account.wait_for_acks(target), f"no progress; log:\n{daemon.log()[-3000:]}"
    daemon.kill()
    with account.lock:
        for sender in senders:
            sender.stopping = True
        account.lock.notify_all()
    for sender in senders:
        sender.join(ROUND_SECONDS_MAX)
        assert not sender.is_alive()
    assert not account.problems, account.problems


def kill_while_starting(daemon, rng):
    """A start that is cut short anywhere, so that recovery itself is interrupted."""
    daemon.spawn()
    time.sleep(rng.uniform(0, 0.08))  # not a wait: the random moment of the kill
    daemon.kill()


def send_what_waits(daemon, account, rng):
    """Bodies whose answer the kills have swallowed: whatever became of them, they are acknowledged now."""
    sender = HttpSender(account, daemon, rng, "last")
    connection = http.client.HTTPConnection(*daemon.http_address(), timeout=ROUND_SECONDS_MAX)
    with contextlib.closing(connection):
        while account.waiting:
            sender.exchange(connection, *account.waiting.popleft())


class Found:
    """What a store holds."""

    def __init__(self, daemon):
        self.lines = daemon.cli_on_store("export").stdout.splitlines()
        self.by_id = {}
        self.seqs = []
        self.events = 0
        self.notes = []
        for line in self.lines:
            kept, added = split_export(line)
            self.seqs.append(int(added["seq"].text))
            event = json.loads(kept)
            if event["kind"] == "ledger":
                self.notes.append(event)
                continue
            self.events += 1
            assert event["id"] not in self.by_id, f"{event['id']} is there twice"
            self.by_id[event["id"]] = (self.seqs[-1], kept)

    def prunes(self):
        return [note["detail"] for note in self.notes if note["op"] == "prune"]


def assert_kept(account, found):
    """All bytes are as sent; nothing is there that was not sent; seqs have no gap."""
    for event_id, (_, kept) in found.by_id.items():
        assert kept == account.sent[event_id], event_id
    assert found.seqs == list(range(found.seqs[0], found.seqs[0] + len(found.seqs)))


def stored_with_nothing_lost(daemon):
    """The events that were stored, of all sources, of which each can say where all it received has gone."""
    stored = 0
    for source in ("http", "udp", "ledger"):
        counts = {result: daemon.metric("mcpledger_ingest_events_total", source=source, result=result)
                  for result in ("received", "stored", "duplicate", "rejected", "dropped")}
        received = counts.pop("received")
        assert received == sum(counts.values()), (source, counts)
        stored += counts["stored"]
    return stored


def settled(daemon):
    """The number of stored events, and what is found, with nothing stored between the two looks."""
    while True:
        stored = stored_with_nothing_lost(daemon)
        found = Found(daemon)
        if stored_with_nothing_lost(daemon) == stored:
            return stored, found


def test_killed_a_hundred_times_nothing_acknowledged_is_lost(make_daemon):
    print(f"seed {SEED} (MCPLEDGER_TEST_SEED)")
    rng = random.Random(SEED)
    daemon = make_daemon(start=False, settings=SETTINGS)
    account = Account()
    for number in range(RETENTION_FROM_ROUND):
        if number % 10 == 9:
            kill_while_starting(daemon, rng)
        play_round(daemon, account, rng, number)

    daemon.start()
    before = Found(daemon)
    assert_kept(account, before)
    assert account.acknowledged <= before.by_id.keys()
    daemon.kill()
    segments = list(daemon.data.rglob("seg-*.mdb"))
    assert len(segments) >= 3, "the load was to fill several segments"

    # One segment is too many now, and one more for each that is filled from here on.
    size = sum(path.stat().st_blocks * 512 for path in segments)
    daemon.settings["store.retention_bytes"] = size - SEGMENT_BYTES
    for number in range(RETENTION_FROM_ROUND, ROUNDS):
        play_round(daemon, account, rng, number)
    daemon.start()
    send_what_waits(daemon, account, rng)
    stored, after = settled(daemon)
    assert_kept(account, after)
    prunes = after.prunes()
    print(f"{len(account.sent)} sent, {len(account.acknowledged)} acknowledged; pruned: {prunes}")
    assert prunes, "retention was to remove something"
    first = after.seqs[0]
    assert prunes[-1]["last_seq"] == first - 1
    assert prunes[-1]["events"] == first - prunes[-1]["first_seq"]
    gone = account.acknowledged - after.by_id.keys()
    assert gone, "some of what was acknowledged was to be old enough"
    assert all(event_id in before.by_id and before.by_id[event_id][0] < first for event_id in gone)
    assert stored == after.seqs[-1] == len(after.seqs) + first - 1
    daemon.stop()
    assert Found(daemon).lines[:len(after.lines)] == after.lines
