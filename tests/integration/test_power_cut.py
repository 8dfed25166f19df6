"""Power cuts: the files that one could leave at any moment are made, and the real programs open them.

The daemon works under a shim (tests/crash/shim.c) while batches are sent, blocks are sealed and it is stopped and
started.  From the record come the states: some write is half there, another not at all.  In each, what was acknowledged
by then is there once, byte for byte; nothing else but what had been sent; and sent again, all of it is there once.
`./dev crash` runs the long form.
"""

import contextlib
import http.client
import os
import random
import shutil
import sys

import ledgerlib
import pytest
from canonical import canonical, stored_events

sys.path.insert(0, str(ledgerlib.ROOT / "tests" / "crash"))
from disk import SYNC, Disk, read_record

LONG = os.environ.get("MCPLEDGER_CRASH_LONG") == "1"
SEED = int(os.environ.get("MCPLEDGER_TEST_SEED", "0")) or random.SystemRandom().getrandbits(32)
SHIM = ledgerlib.BUILD / "tests" / "crash" / "crash-shim.so"
COMMITS = 1000 if LONG else 120
STATES = 4000 if LONG else 30
LAST_OPERATIONS = 60 if LONG else 4  # of these all kinds of states are made
SENT_AGAIN_EVERY = 6  # states
SETTINGS = {"store.segment_bytes_max": "16MiB", "store.block_age_max": "1s", "udp.receive_buffer_bytes": "1MiB"}


class Account:
    """What was sent, what was acknowledged, and how long the record was then."""

    def __init__(self, record):
        self.record = record
        self.bodies = []  # (ids, body, record's length before it was sent, after it was acknowledged)
        self.canonical = {}

    def length(self):
        return self.record.stat().st_size if self.record.exists() else 0

    def send(self, connection, events):
        body = b"\n".join(events.values())
        before = self.length()
        connection.request("POST", "/v1/events", body, {"Content-Type": "application/x-ndjson"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()
        for event_id, event in events.items():
            self.canonical[event_id] = canonical(event)
        self.bodies.append((tuple(events), body, before, self.length()))

    def sent_by(self, position):
        return [entry for entry in self.bodies if entry[2] <= position]

    def acknowledged_by(self, position):
        return {event_id for ids, _, _, after in self.bodies if after <= position for event_id in ids}


def work(daemon, account, rng, commits):
    """Sends batches of a few events, each its own commit; some are sent twice."""
    host, port = daemon.http_address()
    connection = http.client.HTTPConnection(host, port, timeout=ledgerlib.WAIT_SECONDS)
    for _ in range(commits):
        number = len(account.canonical)
        ids = [f"e{number + i}" for i in range(rng.choice((1, 1, 2, 5, 20)))]
        events = {event_id: ledgerlib.noisy_event(rng, event_id) for event_id in ids}
        account.send(connection, events)
        if rng.random() < 0.1:
            account.send(connection, events)
    connection.close()


def record_work(folder, rng):
    """Works under the shim, with a clean stop and a kill in between; returns the account, operations, root inode."""
    folder.mkdir()
    data = folder / "store"
    data.mkdir(mode=0o700)
    record = folder / "record"
    preload = ["env", f"LD_PRELOAD={SHIM}", f"CRASH_ROOT={data.resolve()}", f"CRASH_RECORD={record}"]
    daemon = ledgerlib.Daemon(folder, settings=SETTINGS, command=preload)
    account = Account(record)
    with contextlib.closing(daemon):
        for part in range(3):
            daemon.start()
            work(daemon, account, rng, COMMITS // 3)
            if part == 0:
                daemon.wait_for("mcpledger_store_blocks", 1)
                work(daemon, account, rng, COMMITS // 10)
            daemon.kill() if part == 1 else daemon.stop()
    return account, read_record(record), data.stat().st_ino


class Checker:
    def __init__(self, account, folder):
        self.account = account
        self.folder = folder
        self.states = self.sent_again = 0

    def check(self, disk, position, keeps):
        self.states += 1
        store = self.folder / "store"
        shutil.rmtree(store, ignore_errors=True)
        disk.leave(store, *keeps)
        acknowledged = self.account.acknowledged_by(position)
        sent = self.account.sent_by(position)
        found = stored_events(store) if list(store.glob("seg-*.mdb")) else {}
        known = {event_id for ids, _, _, _ in sent for event_id in ids}
        assert acknowledged <= found.keys(), f"lost: {sorted(acknowledged - found.keys())[:5]}"
        assert found.keys() <= known, f"never sent: {sorted(found.keys() - known)[:5]}"
        for event_id, event in found.items():
            assert event == self.account.canonical[event_id], event_id
        if self.states % SENT_AGAIN_EVERY == 0:
            self.send_again(sent, found)

    def send_again(self, sent, found):
        """The daemon opens it, knows what it has, and takes the rest."""
        self.sent_again += 1
        duplicates = 0
        with contextlib.closing(ledgerlib.Daemon(self.folder, settings=SETTINGS)) as daemon:
            daemon.start()
            for body in dict.fromkeys(body for _, body, _, _ in sent):
                answer = daemon.request("POST", "/v1/events", body, {"Content-Type": "application/x-ndjson"})
                assert answer.status == 200, answer.body
                duplicates += answer.json()["duplicates"]
        everything = {event_id for ids, _, _, _ in sent for event_id in ids}
        assert duplicates == len(found)
        assert stored_events(self.folder / "store").keys() == everything


def all_of(_):
    return True


def none_of(_):
    return False


def keeps_of(rng):
    """Each write is there, or not, or in part."""
    return (lambda _: rng.choice((True, False, None)), lambda _: rng.random() < 0.5,
            lambda names: rng.randint(0, names))


def keeps_all_but(chosen):
    return lambda write: write is not chosen


def moments(operations, rng):
    """Operations after which the power is cut: before and after syncs, and others; the last ones for sure."""
    start = next((i for i, operation in enumerate(operations) if operation.kind == SYNC), 0)
    syncs = [i for i, operation in enumerate(operations) if operation.kind == SYNC or operation.synchronous]
    near = [i + shift for i in syncs for shift in (-1, 0)]
    others = rng.sample(range(start, len(operations)), min(len(operations) - start, STATES // 4))
    chosen = rng.sample(near, min(len(near), STATES)) + others
    return {i for i in chosen if i >= 0} | set(range(len(operations) - LAST_OPERATIONS, len(operations)))


@pytest.mark.skipif(not SHIM.exists(), reason="built without tests")
def test_after_a_power_cut_what_was_acknowledged_is_there_once(tmp_path):
    print(f"seed {SEED} (MCPLEDGER_TEST_SEED)")
    rng = random.Random(SEED)
    account, operations, root = record_work(tmp_path / "work", rng)
    assert len([operation for operation in operations if operation.synchronous]) >= COMMITS
    disk = Disk(root)
    checker = Checker(account, tmp_path / "cut")
    checker.folder.mkdir()
    chosen = moments(operations, rng)
    for i, operation in enumerate(operations):
        disk.apply(operation)
        if i not in chosen:
            continue
        last = i >= len(operations) - LAST_OPERATIONS
        kinds = [keeps_of(rng)]
        if last or rng.random() < 0.2:
            kinds += [(none_of, none_of, lambda names: 0), (all_of, all_of, lambda names: names)]
        if last:
            pending = [write for file in disk.files.values() for write in file.pending]
            kinds += [(keeps_all_but(write), none_of, lambda names: names) for write in pending]
        for keeps in kinds if disk.pending() else kinds[:1]:
            try:
                checker.check(disk, operation.end, keeps)
            except AssertionError as problem:
                raise AssertionError(f"seed {SEED}, after operation {i} of {len(operations)}: {problem}") from problem
    print(f"{len(account.bodies)} commits, {len(operations)} operations, {checker.states} states, "
          f"{checker.sent_again} of them sent again")
    assert checker.states >= STATES
