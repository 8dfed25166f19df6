"""Power cuts: the files that one could leave at any moment are made, and the real programs open them.

The daemon works under a shim (tests/crash/shim.c): it commits batches, seals blocks, is stopped, killed and started,
each time a day later, so that segments roll over and the oldest is removed.  From the record come the states: some
write is half there, another not at all.  In each, what was acknowledged by then is there once, byte for byte; nothing
else but what had been sent, and that whole; the counters agree; and of what is sent again, what is there is a
duplicate and the rest is taken.

A window is what is written between two syncs.  Any state within one is also one at its end, so it is there that the
power is cut: in the long form (`./dev crash`) at the end of every window, in the short one of some.  Of the last
windows of each start, and in the long form of those that roll over or remove a segment, all states are made: each
subset of the writes, and each write torn at each sector.
"""

import concurrent.futures
import contextlib
import http.client
import itertools
import os
import queue
import random
import shutil
import sys

import account
import ledgerlib
import pytest

sys.path.insert(0, str(ledgerlib.ROOT / "tests" / "crash"))
from disk import RENAME, SYNC, UNLINK, WRITE, Disk, read_record, sectors

LONG = os.environ.get("MCPLEDGER_CRASH_LONG") == "1"
SEED = int(os.environ.get("MCPLEDGER_TEST_SEED", "0")) or random.SystemRandom().getrandbits(32)
SHIM = ledgerlib.BUILD / "tests" / "crash" / "crash-shim.so"
COMMITS = 1000
SECONDS_OF_A_DAY = 86_400
DAYS = (-3, -2, -1, 0)
KILLED_ON = -2
JOBS = 4
WINDOWS = None if LONG else 40  # None: all
SUBSETS_OF_MAX = 6 if LONG else 3  # writes; of more: each alone, and all but each
WHOLE_WINDOWS = 2 if LONG else 1  # the last ones of a start
READ_FIRST_EVERY = 4  # states
SETTINGS = {"store.block_age_max": "1s", "udp.receive_buffer_bytes": "1MiB", "ingest.dedup_ids_max": 10_000,
            "ingest.dedup_age_max": "10d"}
REMOVED_AFTER = "60h"  # so that the first day's segment is removed on the last one


class Sent(account.Account):
    """An account that knows how long the record was when a body was sent, and when it was acknowledged."""

    def __init__(self, record):
        super().__init__()
        self.record = record
        self.bodies = []  # (ids, body, record's length before it was sent, after it was acknowledged)

    def length(self):
        return self.record.stat().st_size if self.record.exists() else 0

    def send(self, connection, events):
        body = b"\n".join(events.values())
        before = self.length()
        assert post(connection, body)["rejected_total"] == 0
        self.note_sent(events)
        self.bodies.append((tuple(events), body, before, self.length()))

    def sent_by(self, position):
        return [entry for entry in self.bodies if entry[2] <= position]

    def acknowledged_by(self, position):
        return {event_id for ids, _, _, after in self.bodies if after <= position for event_id in ids}


def post(connection, body):
    connection.request("POST", "/v1/events", body, {"Content-Type": "application/x-ndjson"})
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == 200, text
    return ledgerlib.Response(answer.status, answer.headers, text).json()


def connect(daemon):
    return contextlib.closing(http.client.HTTPConnection(*daemon.http_address(), timeout=ledgerlib.WAIT_SECONDS))


def shimmed(folder, day, settings=None, **variables):
    """A daemon on the store in a folder, whose clock is so many days off."""
    command = ["env", f"LD_PRELOAD={SHIM}", f"CRASH_ROOT={(folder / 'store').resolve()}", "CRASH_NO_SYNC=1",
               f"CRASH_CLOCK={day * SECONDS_OF_A_DAY}", *(f"CRASH_{name}={value}" for name, value in variables.items())]
    return ledgerlib.Daemon(folder, settings={**SETTINGS, **(settings or {})}, command=command)


def work(daemon, sent, rng, commits):
    """Sends batches of a few events, each its own commit; some are sent twice."""
    with connect(daemon) as connection:
        for _ in range(commits):
            number = len(sent.prints)
            ids = [f"e{number + i}" for i in range(rng.choice((1, 1, 2, 4, 10)))]
            events = {event_id: ledgerlib.noisy_event(rng, event_id, large=0.03) for event_id in ids}
            sent.send(connection, events)
            if rng.random() < 0.1:
                sent.send(connection, events)


class Work:
    """What was recorded: the account, the operations, and where each day began."""

    def __init__(self, folder, rng):
        folder.mkdir()
        data = folder / "store"
        data.mkdir(mode=0o700)
        self.sent = Sent(folder / "record")
        self.starts = []  # (record's length, day)
        for day in DAYS:
            self.starts.append((self.sent.length(), day))
            daemon = shimmed(folder, day, {"store.retention_age": REMOVED_AFTER}, RECORD=self.sent.record)
            with contextlib.closing(daemon):
                daemon.start()
                work(daemon, self.sent, rng, COMMITS // len(DAYS))
                daemon.wait_for("mcpledger_store_blocks", 1)
                work(daemon, self.sent, rng, COMMITS // len(DAYS) // 10)
                daemon.kill() if day == KILLED_ON else daemon.stop()
        self.operations = read_record(self.sent.record)
        self.root = data.stat().st_ino

    def day_at(self, position):
        return [day for start, day in self.starts if start < position][-1]

    def windows(self):
        """The last operation of each window: a sync is the next one."""
        return [i for i, following in enumerate(self.operations[1:]) if following.kind == SYNC or following.synchronous]

    def whole_windows(self, windows):
        """Those of which all states are made."""
        ends = [start for start, _ in self.starts[1:]] + [self.operations[-1].end]
        chosen = {len(self.operations) - 1}
        for end in ends:
            chosen.update([i for i in windows if self.operations[i].end <= end][-WHOLE_WINDOWS:])
        names = [i for i, operation in enumerate(self.operations) if operation.kind in (RENAME, UNLINK)]
        chosen.update(next(i for i in windows if i >= name) for name in names if LONG and name <= windows[-1])
        return chosen


# --- states ---

def all_of(*_):
    return True


def some_state(rng):
    """Each write is there, or not, or in part."""
    return (lambda _: rng.choice((True, False, None)), lambda *_: rng.random() < 0.5,
            lambda names: rng.randint(0, names))


def all_states(disk):
    """Each subset of the writes, each write torn at each sector, each number of changes of names."""
    writes = disk.pending_writes()
    if len(writes) <= SUBSETS_OF_MAX:
        subsets = [set(kept) for count in range(len(writes) + 1)
                   for kept in itertools.combinations(range(len(writes)), count)]
    else:
        everything = set(range(len(writes)))
        subsets = [everything, set()] + [kept for i in everything for kept in ({i}, everything - {i})]
    place = {id(write): i for i, write in enumerate(writes)}
    for kept in subsets:
        for names in range(len(disk.pending_names) + 1):
            yield lambda write, kept=kept: place[id(write)] in kept, all_of, lambda _, names=names: names
    for torn in writes if LONG else writes[-1:]:
        for at, _ in list(sectors(torn))[1:] if torn.kind == WRITE else ():
            for first_half in (True, False):
                yield (lambda write, torn=torn: None if write is torn else True,
                       lambda _, first, at=at, first_half=first_half: (first < at) == first_half, lambda names: names)


# --- checks ---

class Checker:
    """Checks several states at a time, each in a folder of its own."""

    def __init__(self, work, folder, rng):
        self.sent, self.work, self.rng = work.sent, work, rng
        self.states = self.resent = 0
        self.jobs = concurrent.futures.ThreadPoolExecutor(JOBS)
        self.folders = queue.SimpleQueue()
        self.problems = []
        for number in range(JOBS):
            (folder / str(number)).mkdir(parents=True)
            self.folders.put(folder / str(number))

    def check(self, disk, operation, keeps):
        self.states += 1
        folder = self.folders.get()
        self.raise_problem()
        shutil.rmtree(folder / "store", ignore_errors=True)
        disk.leave(folder / "store", *keeps)
        self.jobs.submit(self.open_in, folder, operation.end, self.states % READ_FIRST_EVERY == 0)

    def raise_problem(self):
        if self.problems:
            self.jobs.shutdown()
            raise self.problems[0]

    def finish(self):
        self.jobs.shutdown()
        self.raise_problem()

    def open_in(self, folder, position, reads_first):
        try:
            self.open(folder, position, reads_first)
        except Exception as problem:
            self.problems.append(AssertionError(f"seed {SEED}, power cut at {position} of the record: {problem}"))
        self.folders.put(folder)

    def open(self, folder, position, reads_first):
        store = folder / "store"
        acknowledged, bodies = self.sent.acknowledged_by(position), self.sent.sent_by(position)
        if reads_first and list(store.glob("seg-*.mdb")):
            self.sent.assert_kept(account.read_kept(store), acknowledged)
        with contextlib.closing(shimmed(folder, self.work.day_at(position))) as daemon:
            daemon.start()
            kept = account.settled(daemon)
            kept.assert_whole()
            self.sent.assert_kept(kept, acknowledged)
            early = kept.seq_of.keys() - {event_id for ids, _, _, _ in bodies for event_id in ids}
            assert not early, f"not sent by then: {sorted(early)[:5]}"
            self.send_again(daemon, bodies, kept)
            daemon.kill()

    def send_again(self, daemon, bodies, kept):
        """The last bodies and some others: of what is there it says so, the rest it takes, once."""
        missing = set()
        chosen = bodies[-2:] + self.rng.sample(bodies[:-2], min(2, len(bodies[:-2])))
        with connect(daemon) as connection:
            for ids, body in dict.fromkeys((ids, body) for ids, body, _, _ in chosen):
                counts = post(connection, body)
                new = set(ids) - kept.seq_of.keys() - missing
                assert counts["accepted"] == len(new) and counts["duplicates"] == len(ids) - len(new), counts
                missing |= new
                self.resent += len(ids)
        taken = account.settled(daemon, kept.seqs[-1] + 1) if missing else None
        assert not missing or taken.seq_of.keys() == missing
        self.sent.assert_as_sent(taken or kept)


@pytest.mark.skipif(not SHIM.exists(), reason="built without tests")
def test_after_a_power_cut_what_was_acknowledged_is_there_once(tmp_path):
    print(f"seed {SEED} (MCPLEDGER_TEST_SEED)")
    rng = random.Random(SEED)
    done = Work(tmp_path / "work", rng)
    assert len(done.sent.bodies) >= COMMITS
    assert {UNLINK, RENAME} <= {operation.kind for operation in done.operations}
    windows = done.windows()
    whole = done.whole_windows(windows)
    chosen = set(windows if WINDOWS is None else rng.sample(windows, WINDOWS))
    disk = Disk(done.root)
    checker = Checker(done, tmp_path / "cut", rng)
    for i, operation in enumerate(done.operations):
        disk.apply(operation)
        states = itertools.chain([some_state(rng)] if i in chosen else (), all_states(disk) if i in whole else ())
        for keeps in states:
            checker.check(disk, operation, keeps)
    checker.finish()
    print(f"{len(done.sent.bodies)} commits, {len(done.operations)} operations, {len(windows)} windows, "
          f"all states of {len(whole)}; {checker.states} states, {checker.resent} events sent again")
    assert checker.states > len(chosen)
