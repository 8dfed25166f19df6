"""A full disk: events are refused with a clear answer, reads go on, it recovers alone, and the outage is on record."""

import base64
import json
import os
import random
import subprocess
from pathlib import Path

import account
import ledgerlib
import pytest
from canonical import canonical, split_export

FILE_SYSTEM = "96m"
LEFT_FREE = 24 * 1024 * 1024  # by the file that fills the disk
SEED = int(os.environ.get("MCPLEDGER_TEST_SEED", "0")) or random.SystemRandom().getrandbits(32)
MOUNT = f'mount -t tmpfs -o size={FILE_SYSTEM} tmpfs "$1" && shift && exec "$@"'


@pytest.fixture
def small_disk(make_daemon):
    """A daemon whose store is on a small file system of its own, in a mount namespace of its own."""
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no user namespaces here")
    daemon = make_daemon(start=False)
    daemon.data.mkdir()
    daemon.command = ["unshare", "-rm", "sh", "-c", MOUNT, "sh", daemon.data]
    return daemon.start()


def inside(daemon):
    """The small disk's folder as seen from here."""
    return Path(f"/proc/{daemon.pid}/root{daemon.data}")


def fill(daemon):
    path = inside(daemon) / "filler"
    disk = os.statvfs(inside(daemon))
    with open(path, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, disk.f_bavail * disk.f_frsize - LEFT_FREE)
    return path


def make_body(rng, number):
    events = [ledgerlib.tool_call(id=f"e{number}-{n}", time=n, session_id=f"s{number}",
                                  request=base64.b64encode(rng.randbytes(12_000)).decode()) for n in range(20)]
    return {event["id"]: json.dumps(event) for event in events}


def exported(daemon):
    """({id: canonical bytes}, ledger events) as the daemon answers over HTTP."""
    kept, notes = {}, []
    for line in daemon.cli("export").stdout.splitlines():
        own, _ = split_export(line)
        event = json.loads(own)
        if event["kind"] == "ledger":
            notes.append(event)
        else:
            assert event["id"] not in kept
            kept[event["id"]] = own
    return kept, notes


def test_a_full_disk_refuses_events_serves_reads_and_recovers_alone(small_disk):
    print(f"seed {SEED} (MCPLEDGER_TEST_SEED)")
    daemon, rng = small_disk, random.Random(SEED)
    filler = fill(daemon)
    acknowledged = {}
    for number in range(1000):
        body = make_body(rng, number)
        answer = daemon.post("\n".join(body.values()))
        if answer.status != 200:
            break
        acknowledged.update({event_id: canonical(text.encode()) for event_id, text in body.items()})
    assert answer.status == 503, answer
    assert int(answer.headers["Retry-After"]) > 0
    assert acknowledged, "the disk was full too early to tell anything"

    # Reads go on, and what was acknowledged is there; of what was refused, nothing.
    assert daemon.get("/healthz").status == 200
    assert daemon.get("/readyz").status == 503
    assert daemon.get(f"/api/v1/events/{next(iter(acknowledged))}").status == 200
    assert exported(daemon)[0] == acknowledged
    daemon.send_udp(*[ledgerlib.tool_call(id=f"u{n}") for n in range(5)])
    daemon.wait_for("mcpledger_ingest_dropped_total", 5, source="udp", reason="disk_full")
    assert daemon.post("\n".join(body.values())).status == 503

    filler.unlink()

    def taken():
        return daemon.post("\n".join(body.values())).status == 200

    ledgerlib.wait_until(taken, lambda: f"events to be taken again; log:\n{daemon.log()}")
    assert daemon.get("/readyz").status == 200
    acknowledged.update({event_id: canonical(text.encode()) for event_id, text in body.items()})

    def told():
        return [note["detail"] for note in exported(daemon)[1] if note["op"] == "full"][1:]

    end, = ledgerlib.wait_until(told, "the outage's end in the ledger")
    begin = next(note["detail"] for note in exported(daemon)[1] if note["op"] == "full")
    assert (begin["state"], begin["reason"], end["state"]) == ("begin", "disk_full", "end")
    assert begin["from"] == end["from"] < end["until"]
    assert end["dropped"] >= 5 + len(body)
    assert exported(daemon)[0] == acknowledged
    account.assert_nothing_lost(daemon)
