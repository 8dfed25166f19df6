"""One bit of a store's file is another one: no answer is wrong without saying so, and `verify` finds it.

`./dev crash` flips a bit of every byte of the file, the short form a sample, most of it where pages say what is where.
"""

import json
import os
import random
import shutil

import ledgerlib
import pytest

LONG = os.environ.get("MCPLEDGER_CRASH_LONG") == "1"
SEED = int(os.environ.get("MCPLEDGER_TEST_SEED", "0")) or random.SystemRandom().getrandbits(32)
PAGE_BYTES = 4096
METAS = 2
FLIPS = 120  # of each store, in the short form


def fill(folder):
    daemon = ledgerlib.Daemon(folder).start()
    for batch in range(3):
        daemon.accept([ledgerlib.tool_call(id=f"call-{batch}-{n}", request={"path": f"/srv/{n}/report.txt"})
                       for n in range(12)])
    daemon.accept([ledgerlib.tool_call(id="big", request={"text": random.Random(1).randbytes(24_000).hex()})])
    return daemon


@pytest.fixture(scope="module", params=["stopped", "killed"])
def store(request, tmp_path_factory):
    """Sealed by a clean stop, or with everything in the tail."""
    folder = tmp_path_factory.mktemp(request.param)
    daemon = fill(folder)
    if request.param == "stopped":
        daemon.stop()
    else:
        daemon.kill()
    copy = folder / "copy"
    copy.mkdir()
    shutil.copy(next(daemon.data.glob("seg-*.mdb")), copy)
    return copy


def places(data):
    """Offsets of bytes: all of them, or a sample of which most are in metas, heads of pages, and their nodes."""
    if LONG:
        return range(len(data))
    rng = random.Random(SEED)
    pages = len(data) // PAGE_BYTES
    chosen = [rng.randrange(METAS) * PAGE_BYTES + rng.randrange(160) for _ in range(FLIPS // 3)]
    chosen += [rng.randrange(METAS, pages) * PAGE_BYTES + rng.choice((rng.randrange(64), rng.randrange(3600, PAGE_BYTES)))
               for _ in range(FLIPS // 3)]
    return chosen + [rng.randrange(len(data)) for _ in range(FLIPS // 3)]


def covers(damage, seq):
    return damage["first_seq"] is not None and damage["first_seq"] <= seq <= damage["last_seq"]


def check(folder, name, whole):
    """What is exported is right, or says that it lacks something; what lacks is what verify calls damaged."""
    verified = ledgerlib.run_cli("verify", "--data", folder, "-o", "json", status=None, timeout=20)
    exported = ledgerlib.run_cli("export", "--data", folder, status=None, timeout=20)
    assert verified.returncode in (0, 3), verified
    assert exported.returncode in (0, 3), exported
    lines = exported.stdout.splitlines()
    if exported.returncode == 0:
        assert lines == whole, "another answer, and nothing said"
    else:
        assert name in exported.stderr.decode()
        assert verified.returncode == 3
    assert set(lines) <= set(whole), "a line that was never written"
    if verified.returncode == 0:
        return
    report = json.loads(verified.stdout)
    assert report["whole"] is False and report["faults"] >= len(report["damage"]) > 0
    assert {damage["segment"] for damage in report["damage"]} == {name}
    if all(damage["first_seq"] is not None for damage in report["damage"]):
        kept = {json.loads(line)["seq"] for line in lines}
        for line in whole:
            seq = json.loads(line)["seq"]
            assert seq in kept or any(covers(damage, seq) for damage in report["damage"]), f"{seq} is whole, and not told"


def test_a_flipped_bit_is_told_and_hides_nothing_else(store):
    path = next(store.glob("seg-*.mdb"))
    data = path.read_bytes()
    whole = ledgerlib.export_lines(store)
    assert json.loads(ledgerlib.run_cli("verify", "--data", store, "-o", "json").stdout)["whole"] is True
    rng = random.Random(SEED)
    print(f"MCPLEDGER_TEST_SEED={SEED}, {len(data)} bytes")
    for at in places(data):
        bit = 1 << rng.randrange(8)
        with open(path, "r+b", buffering=0) as file:
            file.seek(at)
            file.write(bytes([data[at] ^ bit]))
            try:
                check(store, path.name, whole)
            except BaseException:
                print(f"bit {bit:#04x} of byte {at} (page {at // PAGE_BYTES}, {at % PAGE_BYTES} in it)")
                raise
            file.seek(at)
            file.write(data[at:at + 1])
    assert path.read_bytes() == data


def test_verify_names_what_is_missing_between_segments(tmp_path):
    daemon = ledgerlib.Daemon(tmp_path, settings={"store.segment_bytes_max": "16MiB"}).start()
    rng = random.Random(3)
    sent = 0
    while len(list(daemon.data.glob("seg-*.mdb"))) < 3:
        daemon.accept([ledgerlib.tool_call(id=f"{sent + n}", request={"text": rng.randbytes(6000).hex()})
                       for n in range(500)])
        sent += 500
    live = json.loads(ledgerlib.run_cli("verify", "--data", daemon.data, "-o", "json").stdout)
    assert live["whole"] is True and live["segments"] == 3 and live["last_seq"] >= sent
    daemon.stop()
    segments = sorted(daemon.data.glob("seg-*.mdb"))
    first_missing, behind = (int(path.stem[4:]) for path in segments[1:3])
    segments[1].unlink()
    report = json.loads(ledgerlib.run_cli("verify", "--data", daemon.data, "-o", "json", status=3).stdout)
    assert [(d["segment"], d["first_seq"], d["last_seq"]) for d in report["damage"]] == [
        (segments[2].name, first_missing, behind - 1)]
    told = ledgerlib.run_cli("verify", "--data", daemon.data, status=3).stdout.decode()
    assert f"events {first_missing} to {behind - 1}: these events are not there" in told
