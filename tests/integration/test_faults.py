"""One call after the other fails: writes, syncs, truncations, maps, allocations.

The daemon works under a shim (tests/crash/shim.c) that has the n-th call of a kind fail.  Whatever it answers then,
what it acknowledged is there afterwards, once and byte for byte; what it did not is there whole or not at all; and it
ends by itself, saying what happened, or goes on.  `./dev crash` tries every n until a run does not reach it.
"""

import contextlib
import errno
import http.client
import json
import os
import random

import ledgerlib
import pytest
from canonical import canonical, stored_events

LONG = os.environ.get("MCPLEDGER_CRASH_LONG") == "1"
SEED = int(os.environ.get("MCPLEDGER_TEST_SEED", "0")) or random.SystemRandom().getrandbits(32)
SHIM = ledgerlib.BUILD / "tests" / "crash" / "crash-shim.so"
BATCHES = 8
SHORT_WRITE = 0
SETTINGS = {"store.segment_bytes_max": "16MiB", "store.block_age_max": "1s", "udp.receive_buffer_bytes": "1MiB",
            "store.map_bytes": "256MiB"}
KINDS = {
    "write": (errno.EIO, errno.ENOSPC, errno.EINTR, SHORT_WRITE),
    "sync": (errno.EIO, errno.ENOSPC, errno.EINTR),
    "truncate": (errno.EIO, errno.ENOSPC),
    "map": (errno.ENOMEM,),
    "memory": (errno.ENOMEM,),
}
STEP = {"memory": 23}  # allocations are many: in the long form, too, each run tries one in so many
SHORT_RUNS = 5  # of each kind


class Run:
    """A daemon of which one call fails, and what it was sent."""

    def __init__(self, folder, kind, number, code, seed):
        folder.mkdir()
        self.rng = random.Random(seed)
        self.folder = folder
        self.failed = folder / "failed"
        (folder / "store").mkdir(mode=0o700)
        self.daemon = ledgerlib.Daemon(folder, settings=SETTINGS, command=[
            "env", f"LD_PRELOAD={SHIM}", f"CRASH_ROOT={(folder / 'store').resolve()}",
            f"CRASH_FAIL={kind}:{number}:{code}", f"CRASH_FAILED={self.failed}",
            f"CRASH_READY={folder / 'ready.json'}"])
        self.sent = {}
        self.acknowledged = set()

    def start(self):
        """False: it ended by itself, and said why."""
        self.daemon.spawn()
        process = self.daemon.process
        ready = self.daemon.ready_path
        ledgerlib.wait_until(lambda: process.poll() is not None or ready.exists(), "the start or its end")
        if process.poll() is None:
            self.daemon.ready = json.loads(ready.read_text())
            return True
        self.daemon.process = None
        self.assert_told(process.returncode)
        return False

    def assert_told(self, status):
        log = self.daemon.log()
        assert 0 <= status <= 3, f"ended with {status}:\n{log}"
        assert status == 0 or "level=error" in log, f"ended with {status} and said nothing:\n{log}"

    def work(self):
        for number in range(BATCHES):
            ids = [f"e{number}-{i}" for i in range(self.rng.choice((1, 3, 20)))]
            events = {event_id: ledgerlib.noisy_event(self.rng, event_id) for event_id in ids}
            self.sent.update((event_id, canonical(event)) for event_id, event in events.items())
            with contextlib.suppress(OSError, http.client.HTTPException):
                answer = self.daemon.request("POST", "/v1/events", b"\n".join(events.values()),
                                             {"Content-Type": "application/x-ndjson"})
                if answer.status == 200:
                    self.acknowledged |= events.keys()

    def stop(self):
        process, self.daemon.process = self.daemon.process, None
        process.terminate()
        self.assert_told(process.wait(ledgerlib.STOP_SECONDS))

    def check(self):
        with contextlib.closing(ledgerlib.Daemon(self.folder, settings=SETTINGS)) as daemon:
            daemon.start()
        found = stored_events(self.folder / "store")
        assert self.acknowledged <= found.keys(), f"lost: {sorted(self.acknowledged - found.keys())[:5]}"
        for event_id, event in found.items():
            assert event == self.sent[event_id], event_id


def run(folder, kind, number, code, seed):
    """False: the call was not reached."""
    one = Run(folder, kind, number, code, seed)
    try:
        if one.start():
            one.work()
            one.stop()
        one.check()
    except AssertionError as problem:
        name = "short" if code == SHORT_WRITE else errno.errorcode[code]
        raise AssertionError(f"seed {seed}, {kind} number {number} fails with {name}: {problem}") from problem
    finally:
        if one.daemon.process:
            one.daemon.kill()
    return one.failed.exists()


def last_reached(folder, kind, code):
    """About how many calls of a kind a run makes."""
    number = 1
    while run(folder / f"{kind}-{number}", kind, number, code, SEED):
        number *= 4
    return number


@pytest.mark.skipif(not SHIM.exists(), reason="built without tests")
@pytest.mark.parametrize("kind", KINDS)
def test_a_call_that_fails_costs_nothing_that_was_acknowledged(kind, tmp_path):
    print(f"seed {SEED} (MCPLEDGER_TEST_SEED)")
    rng = random.Random(SEED)
    runs = 0
    for code in KINDS[kind]:
        folder = tmp_path / f"{code}"
        folder.mkdir()
        if LONG:
            number = 1
            while run(folder / str(number), kind, number, code, SEED):
                number += STEP.get(kind, 1)
                runs += 1
            continue
        end = last_reached(folder, kind, code)
        for number in sorted(rng.sample(range(2, max(3, end)), min(SHORT_RUNS, max(1, end - 2)))):
            run(folder / f"again-{number}", kind, number, code, SEED)
            runs += 1
    print(f"{kind}: {runs} runs")
    assert runs > 0
