"""kill -9, again and again, under HTTP and UDP load: what was acknowledged is there, exactly once, byte for byte.

The checker keeps its own account of what it sent and what was acknowledged.  Segments are small, so that the store
rolls over among the kills, and the oldest are removed: what is gone must have been there before, and must be what the
ledger says was pruned.  A daemon is killed after some acknowledgements, at a random moment of its start, at some
change of a name in the store's folder, and often just when a segment's file is made, renamed or removed; now and then
somebody reads the store from another process all the while.  `./dev crash` kills 10,000 times.
"""

import collections
import concurrent.futures
import contextlib
import ctypes
import http.client
import json
import os
import random
import re
import select
import struct
import subprocess
import threading
import time
import traceback
from pathlib import Path

import account
import ledgerlib

LONG = os.environ.get("MCPLEDGER_CRASH_LONG") == "1"
SEED = int(os.environ.get("MCPLEDGER_TEST_SEED", "0")) or random.SystemRandom().getrandbits(32)
KILLS = 10_000 if LONG else 100
STORES = 8 if LONG else 1  # each with a process of its own that sends and kills
CHECK_EVERY, CHECK_ALL_EVERY = 10, 1000  # kills
READER_EVERY = 25  # kills: one comes, or goes
ACKS_MAX = 8 if LONG else 25  # before a kill
BODY_EVENTS = (1, 2, 8) if LONG else (1, 5, 30)
SECONDS_MAX = 600
HTTP_SENDERS = 3
CHANGES_MAX = 12  # about as many as a start and a roll-over make
SETTINGS = {"store.segment_bytes_max": "16MiB", "store.retention_bytes": "32MiB", "store.block_age_max": "1s",
            "udp.receive_buffer_bytes": "1MiB", "ingest.dedup_ids_max": 50_000}
SEGMENT_FILE = re.compile(rb"seg-\d+\.(mdb|tmp)")
NAMES_CHANGE = 0x40 | 0x80 | 0x100 | 0x200  # IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE


class Book(account.Account):
    """An account that several senders write, and what waits to be sent again."""

    def __init__(self):
        super().__init__()
        self.lock = threading.Condition()
        self.acks = 0
        self.unchecked = set()
        self.problems = []
        self.waiting = collections.deque()  # bodies without an answer

    def note_acknowledged(self, ids):
        with self.lock:
            super().note_acknowledged(ids)
            self.unchecked.update(ids)
            self.acks += 1
            self.lock.notify_all()

    def assert_new_kept(self, kept):
        self.assert_kept(kept, self.unchecked)
        self.unchecked = set()

    def tell(self):
        with self.lock:
            self.lock.notify_all()


class Sender(threading.Thread):
    """Sends until the daemon is gone, then ends."""

    def __init__(self, book, daemon, rng, name):
        super().__init__(name=name)
        self.book, self.daemon, self.rng = book, daemon, rng
        self.stopping = False

    def make(self, count):
        events = {}
        for number in range(count):
            event_id = f"{self.name}-{number}-{self.rng.getrandbits(64):016x}"
            events[event_id] = ledgerlib.noisy_event(self.rng, event_id)
        self.book.note_sent(events)
        return events

    def run(self):
        try:
            self.send()
        except (OSError, http.client.HTTPException):
            pass  # it was killed
        except Exception as problem:
            self.book.problems.append(repr(problem))
            self.book.tell()


class HttpSender(Sender):
    def send(self):
        connection = http.client.HTTPConnection(*self.daemon.http_address(), timeout=SECONDS_MAX)
        with contextlib.closing(connection):
            while not self.stopping:
                self.exchange(connection, *self.next_body())

    def next_body(self):
        """(ids, lines, how many of them are bad): one that waits for an answer, or a new one."""
        with contextlib.suppress(IndexError):
            return self.book.waiting.popleft()
        events = self.make(self.rng.choice(BODY_EVENTS))
        lines = list(events.values())
        bad = self.rng.random() < 0.1
        if bad:
            lines.insert(self.rng.randrange(len(lines) + 1), b'{"kind":"tool_call","id":1}')
        return list(events), lines, int(bad)

    def exchange(self, connection, *body):
        """One body and its answer; without one it waits to be sent again, by this sender or another."""
        ids, lines, bad = body
        if self.rng.random() < 0.05:
            self.book.waiting.append(body)  # twice, and maybe at the same time
        try:
            connection.request("POST", "/v1/events", b"\n".join(lines))
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.book.waiting.append(body)
            raise
        if answer.status in (429, 503):
            self.book.waiting.append(body)
            return
        assert answer.status == 200, (answer.status, text)
        counts = json.loads(text)
        assert counts["accepted"] + counts["duplicates"] == len(ids), counts
        assert counts["rejected_total"] == bad, counts
        self.book.note_acknowledged(ids)


class UdpSender(Sender):
    """Nothing is acknowledged by UDP: a few events at a time, whenever HTTP has moved on."""

    def send(self):
        while not self.stopping:
            self.daemon.send_udp(*self.make(3).values())
            self.wait_for_an_ack(self.book.acks)

    def wait_for_an_ack(self, seen):
        with self.book.lock:
            self.book.lock.wait_for(lambda: self.stopping or self.book.acks > seen, SECONDS_MAX)


class Watcher(threading.Thread):
    """Kills a daemon at a change of a name in its store's folder, of which the kernel tells at once."""

    def __init__(self, book, daemon, rng):
        super().__init__()
        self.book, self.process = book, daemon.process
        self.number = rng.randrange(1, CHANGES_MAX) if rng.random() < 0.2 else 0
        self.at_segments = rng.random() < 0.5
        self.killed_at = None
        libc = ctypes.CDLL(None, use_errno=True)
        self.changes = libc.inotify_init1(os.O_CLOEXEC)
        assert self.changes >= 0, os.strerror(ctypes.get_errno())
        assert libc.inotify_add_watch(self.changes, os.fsencode(daemon.data), NAMES_CHANGE) >= 0
        self.stop_fd = os.eventfd(0)

    def run(self):
        seen = 0
        while self.stop_fd not in select.select([self.changes, self.stop_fd], [], [])[0]:
            for name in self.read():
                seen += 1
                if seen == self.number or (self.at_segments and SEGMENT_FILE.fullmatch(name)):
                    self.process.kill()
                    self.killed_at = name.decode()
                    self.book.tell()
                    return

    def read(self):
        data = os.read(self.changes, 1 << 16)
        at = 0
        while at < len(data):
            _, _, _, length = struct.unpack_from("iIII", data, at)
            yield data[at + 16:at + 16 + length].rstrip(b"\0")
            at += 16 + length

    def close(self):
        os.eventfd_write(self.stop_fd, 1)
        self.join()
        os.close(self.changes)
        os.close(self.stop_fd)


class Killing:
    """One store, and a daemon that is killed over and over."""

    def __init__(self, folder, seed):
        folder.mkdir()
        self.rng = random.Random(seed)
        self.daemon = ledgerlib.Daemon(folder, settings=SETTINGS)
        self.daemon.data.mkdir(mode=0o700)
        self.book = Book()
        self.next_seq = 1  # the first that was not checked
        self.reader = None  # a process that follows the store
        self.kills = self.checks = self.in_segment_files = self.half_made = 0

    def run(self, kills):
        checked = all_checked = changed = 0
        while self.kills < kills:
            if self.kills - changed >= READER_EVERY:
                changed = self.kills
                self.change_reader()
            if self.kills % 10 == 9:
                self.kill_while_starting()
            self.play_round()
            if self.kills - checked >= CHECK_EVERY:
                checked = self.kills
                self.check()
            if self.kills - all_checked >= CHECK_ALL_EVERY:
                all_checked = self.kills
                self.check_all()
        self.check()
        return self.finish()

    def change_reader(self):
        """Now and then somebody reads all the while, whom the kills leave alone and who keeps the lock file in use."""
        if self.reader is None:
            self.reader = subprocess.Popen(
                [ledgerlib.CLI, "--data", self.daemon.data, "tail", "-f", "tool:nothing"], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ledgerlib.clean_environment())
            return
        assert self.reader.poll() is None, f"who followed the store ended with {self.reader.returncode}"
        self.reader.kill()
        self.reader.wait()
        self.reader = None

    def note_kill(self, changed=None):
        self.kills += 1
        self.in_segment_files += bool(changed and changed.startswith("seg-"))
        self.half_made += any(self.daemon.data.glob("*.tmp"))
        self.daemon.log_path.unlink()

    def kill_while_starting(self):
        """A start that is cut short anywhere, so that recovery itself is interrupted."""
        self.daemon.spawn()
        time.sleep(self.rng.uniform(0, 0.08))  # not a wait: the random moment of the kill
        self.daemon.kill()
        self.note_kill()

    def play_round(self):
        daemon = self.daemon
        daemon.spawn()
        watcher = Watcher(self.book, daemon, self.rng)
        watcher.start()
        try:
            if daemon.wait_until_ready_or_ended():
                self.send_until_killed(watcher)
            else:
                assert watcher.killed_at, f"ended by itself:\n{daemon.log()}"
        finally:
            watcher.close()
            daemon.kill()
        self.note_kill(watcher.killed_at)

    def send_until_killed(self, watcher):
        book, rng, daemon = self.book, self.rng, self.daemon
        names = [(HttpSender, f"k{self.kills}h{n}") for n in range(HTTP_SENDERS)] + [(UdpSender, f"k{self.kills}u")]
        senders = [kind(book, daemon, random.Random(rng.getrandbits(64)), name) for kind, name in names]
        target = book.acks + rng.randrange(1, ACKS_MAX)
        for sender in senders:
            sender.start()
        with book.lock:
            moved = book.lock.wait_for(lambda: book.problems or watcher.killed_at or book.acks >= target, SECONDS_MAX)
        assert moved, f"no progress; log:\n{daemon.log()[-3000:]}"
        assert watcher.killed_at or daemon.process.poll() is None, f"ended by itself:\n{daemon.log()}"
        daemon.process.kill()
        for sender in senders:
            sender.stopping = True
        book.tell()
        for sender in senders:
            sender.join(SECONDS_MAX)
            assert not sender.is_alive()
        assert not book.problems, book.problems

    def check(self):
        """What came since the last check, and the counters."""
        self.checks += 1
        self.daemon.start()
        kept = account.settled(self.daemon, self.next_seq)
        assert kept.seqs[0] == self.next_seq
        self.next_seq = kept.seqs[-1] + 1
        self.book.assert_new_kept(kept)
        self.daemon.kill()
        self.note_kill()

    def check_all(self):
        kept = account.read_kept(self.daemon.data)
        kept.assert_whole()
        return kept, self.book.assert_kept(kept)

    def finish(self):
        """Bodies whose answer the kills have swallowed: whatever became of them, they are acknowledged now."""
        self.daemon.start()
        sender = HttpSender(self.book, self.daemon, self.rng, "last")
        connection = http.client.HTTPConnection(*self.daemon.http_address(), timeout=SECONDS_MAX)
        with contextlib.closing(connection):
            while self.book.waiting:
                sender.exchange(connection, *self.book.waiting.popleft())
        kept = account.settled(self.daemon)
        self.daemon.stop()
        after, gone = self.check_all()
        assert after.lines[:len(kept.lines)] == kept.lines
        return {"kills": self.kills, "of them at a segment's file": self.in_segment_files,
                "with a segment half made": self.half_made, "checks": self.checks, "sent": len(self.book.prints),
                "acknowledged": len(self.book.acknowledged), "of them removed for their age": len(gone),
                "segments removed": after.seqs[0] > 1, "seqs": after.seqs[-1]}


def kill_again_and_again(folder, seed, kills):
    killing = Killing(Path(folder), seed)
    try:
        return killing.run(kills)
    except BaseException:
        traceback.print_exc()  # the other stores go on for long
        raise
    finally:
        if killing.reader:
            killing.change_reader()


def test_killed_again_and_again_nothing_acknowledged_is_lost(tmp_path):
    print(f"seed {SEED} (MCPLEDGER_TEST_SEED)")
    with concurrent.futures.ProcessPoolExecutor(STORES) as processes:
        stores = [processes.submit(kill_again_and_again, tmp_path / f"store-{number}", SEED + number, KILLS // STORES)
                  for number in range(STORES)]
        results = [store.result() for store in stores]
    for result in results:
        print(", ".join(f"{name}: {value}" for name, value in result.items()))
        assert result["of them removed for their age"] > 0, "some of what was acknowledged was to be old enough"
        assert result["of them at a segment's file"] > 0, "a kill was to come while a segment was made or removed"
    assert sum(result["kills"] for result in results) >= KILLS
