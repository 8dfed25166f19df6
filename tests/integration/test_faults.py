"""One call after the other fails: writes, syncs, truncations, maps, allocations.

The daemon works under a shim (tests/crash/shim.c) that has the n-th call of a kind fail.  Whatever it answers then,
what it acknowledged is there afterwards, once and byte for byte; what it did not is there whole or not at all; its
counters agree; and it ends by itself, saying what happened, or goes on.  The work is always the same: on a new store,
and on one that was killed a day ago, so that it is recovered, sealed, rolled over, and its oldest segment removed;
then come events, some for the second time, questions, and a clean stop.  `./dev crash` tries every n until one is not
reached.
"""

import concurrent.futures
import contextlib
import copy
import errno
import http.client
import itertools
import os
import random
import shutil
import subprocess

import account
import ledgerlib
import pytest

LONG = os.environ.get("MCPLEDGER_CRASH_LONG") == "1"
SEED = int(os.environ.get("MCPLEDGER_TEST_SEED", "0")) or random.SystemRandom().getrandbits(32)
SHIM = ledgerlib.BUILD / "tests" / "crash" / "crash-shim.so"
SHORT_WRITE = 0
SECONDS_OF_A_DAY = 86_400
SETTINGS = {"store.block_age_max": "1h", "store.retention_age": "36h", "udp.receive_buffer_bytes": "1MiB",
            "store.map_bytes": "256MiB", "ingest.dedup_age_max": "3d", "ingest.dedup_ids_max": 1000,
            "http.threads": 1, "query.threads": 1}
FAULTS = [("write", code) for code in (errno.EIO, errno.ENOSPC, errno.EINTR, SHORT_WRITE)]
FAULTS += [("sync", code) for code in (errno.EIO, errno.ENOSPC, errno.EINTR)]
FAULTS += [("truncate", code) for code in (errno.EIO, errno.ENOSPC, errno.EINTR)]
FAULTS += [("map", errno.ENOMEM), ("memory", errno.ENOMEM)]
QUESTIONS = ("/api/v1/events?limit=5", "/metrics")
JOBS = 4  # runs at a time
SHORT_RUNS = 2  # of each fault, beside those that look for the last call


def name_of(code):
    return "short" if code == SHORT_WRITE else errno.errorcode[code]


def under_shim(folder, **variables):
    store = (folder / "store").resolve()
    return ["env", f"LD_PRELOAD={SHIM}", f"CRASH_ROOT={store}", "CRASH_NO_SYNC=1",
            *(f"CRASH_{name}={value}" for name, value in variables.items())]


class Begun:
    """What each run of the work begins with: a store, what is in it, and the events that it will be sent."""

    def __init__(self, folder, rng, counts):
        self.rng, self.folder = rng, folder
        self.account = account.Account()
        self.made = 0
        folder.mkdir()
        (folder / "store").mkdir(mode=0o700)
        self.bodies = [self.make(count) for count in counts]
        self.datagrams = self.make(2)

    def make(self, count):
        ids = [f"e{self.made + i}" for i in range(count)]
        self.made += count
        events = {event_id: ledgerlib.noisy_event(self.rng, event_id) for event_id in ids}
        self.account.note_sent(events)
        return events

    def post(self, daemon, events):
        daemon.accept(b"\n".join(events.values()))
        self.account.note_acknowledged(events)

    def live_two_days(self):
        """The store gets a segment that is two days old, and one of yesterday whose tail is not sealed."""
        for day in (-2, -1):
            daemon = ledgerlib.Daemon(self.folder, settings=SETTINGS,
                                      command=under_shim(self.folder, CLOCK=day * SECONDS_OF_A_DAY))
            daemon.start()
            events = self.make(12)
            self.post(daemon, events)
            daemon.kill() if day == -1 else daemon.stop()
        self.account.assert_kept(account.read_kept(self.folder / "store"))
        self.bodies.insert(1, events)  # once more
        return self


class Run:
    """A daemon of which one call fails, and what it was sent."""

    def __init__(self, folder, begun, kind, number, code):
        self.folder, self.begun = folder, begun
        shutil.copytree(begun.folder / "store", folder / "store")
        self.failed = folder / "failed"
        fault = under_shim(folder, FAIL=f"{kind}:{number}:{code}", FAILED=self.failed)
        self.daemon = ledgerlib.Daemon(folder, settings=SETTINGS, command=fault)
        self.account = copy.deepcopy(begun.account)

    def start(self):
        """False: it ended by itself, and said why."""
        self.daemon.spawn()
        if self.daemon.wait_until_ready_or_ended():
            return True
        self.assert_told(self.daemon.process.returncode)
        self.daemon.process = None
        return False

    def assert_told(self, status):
        log = self.daemon.log()
        assert 0 <= status <= 3, f"ended with {status}:\n{log}"
        assert status == 0 or "level=error" in log, f"ended with {status} and said nothing:\n{log}"

    def ask(self, method, path, body=None):
        """None: there was no answer, or it broke off.  What is refused is told why."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            answer = self.daemon.request(method, path, body)
            assert answer.status == 200 or (answer.status >= 400 and answer.body), answer
            return answer
        return None

    def work(self):
        with contextlib.suppress(OSError):
            self.daemon.send_udp(*self.begun.datagrams.values())
        for events in self.begun.bodies:
            answer = self.ask("POST", "/v1/events", b"\n".join(events.values()))
            if answer and answer.status == 200:
                self.account.note_acknowledged(events)
        for question in QUESTIONS if len(self.begun.bodies) > 1 else ():
            self.ask("GET", question)

    def stop(self):
        process, self.daemon.process = self.daemon.process, None
        process.terminate()
        try:
            self.assert_told(process.wait(ledgerlib.STOP_SECONDS))
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"it did not stop:\n{self.daemon.log()}") from None

    def check(self):
        self.daemon = ledgerlib.Daemon(self.folder, settings=SETTINGS).start()
        kept = account.settled(self.daemon)
        self.daemon.kill()
        if not kept.lacks_notes():
            kept.assert_whole()
        self.account.assert_kept(kept)
        return kept


def run(folder, begun, kind, number, code):
    """False: the call was not reached."""
    one = Run(folder, begun, kind, number, code)
    try:
        if one.start():
            one.work()
            one.stop()
        one.check()
    except AssertionError as problem:
        raise AssertionError(f"seed {SEED}, {kind} number {number} fails with {name_of(code)}: {problem}") from problem
    finally:
        if one.daemon.process:
            one.daemon.kill()
    reached = one.failed.exists()
    shutil.rmtree(folder)
    return reached


def count_of_runs(reaches, rng):
    """Has each call fail, from the first to the last one; in the short form some of them."""
    if LONG:
        with concurrent.futures.ThreadPoolExecutor(JOBS) as jobs:
            for first in itertools.count(1, JOBS):
                reached = list(jobs.map(reaches, range(first, first + JOBS)))
                if not all(reached):
                    return first + reached.index(False)
    runs = number = 1
    while reaches(number):
        number *= 4
        runs += 1
    for sample in rng.sample(range(1, number), min(SHORT_RUNS, number - 1)):
        reaches(sample)
        runs += 1
    return runs


@pytest.fixture(scope="module")
def beginnings(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("begun"), random.Random(SEED)
    return {"new": Begun(folder / "new", rng, (20,)),
            "killed yesterday": Begun(folder / "old", rng, (1, 8, 30, 3)).live_two_days()}


@pytest.mark.skipif(not SHIM.exists(), reason="built without tests")
@pytest.mark.parametrize("store", ["new", "killed yesterday"])
@pytest.mark.parametrize(("kind", "code"), FAULTS, ids=[f"{kind}-{name_of(code)}" for kind, code in FAULTS])
def test_a_call_that_fails_costs_nothing_that_was_acknowledged(kind, code, store, beginnings, tmp_path):
    print(f"seed {SEED} (MCPLEDGER_TEST_SEED)")
    begun = beginnings[store]

    def reaches(number):
        folder = tmp_path / str(number)
        folder.mkdir()
        return run(folder, begun, kind, number, code)

    runs = count_of_runs(reaches, random.Random(SEED))
    print(f"{kind} fails with {name_of(code)}, {store} store: {runs} runs")
    assert runs > 1


@pytest.mark.skipif(not SHIM.exists(), reason="built without tests")
def test_the_work_seals_rolls_over_and_removes(beginnings, tmp_path):
    one = Run(tmp_path, beginnings["killed yesterday"], "none", 0, 0)
    assert one.start()
    one.work()
    assert one.daemon.metric("mcpledger_ingest_events_total", result="duplicate") > 0
    one.stop()
    kept = one.check()
    assert kept.prunes(), "the oldest segment was to be removed"
    assert len(list((tmp_path / "store").glob("seg-*.mdb"))) == 2
    assert one.account.acknowledged == set(one.account.prints) - one.begun.datagrams.keys()
