"""One bit of a store's file is another one: no answer is wrong without saying so, and `verify` finds it.

`./dev crash` flips every bit of the file, the short form a sample.  Most flips are tried by a program that reads the
store again and again (tests/crash/flips.c); the command line is asked after a sample of them, most of it where pages
say what is where.
"""

import concurrent.futures
import json
import os
import random
import re
import shutil
import subprocess

import forked
import ledgerlib
import pytest

LONG = os.environ.get("MCPLEDGER_CRASH_LONG") == "1"
SEED = int(os.environ.get("MCPLEDGER_TEST_SEED", "0")) or random.SystemRandom().getrandbits(32)
PAGE_BYTES = 4096
METAS = 2
PAGE_HEADER_BYTES = 16
PART_HEADER_BYTES = 48
PART_MAGICS = (b"mlT1", b"mlB1", b"mlS1", b"mlP1")
KEY_BYTES = 14  # of an event's seq, the part, and how many events
KEY_OF_A_FURTHER_PART = re.compile(rb"\x01\0\x0e\0(.{8}\0[\x01-\x0f].{4})", re.DOTALL)
FLIPS = 240  # of each store, in the short form
LONG_EVERY = 16  # one byte in so many is tried with the command line, in the long form
PROCESSES = 2
FLIPPER = ledgerlib.BUILD / "tests" / "crash" / "flips"
# Bits of each byte; one byte in so many.
BITS, EVERY = (int(os.environ.get("MCPLEDGER_CRASH_BITS", "8")), 1) if LONG else (1, 41)
OTHERS_EVERY = 16  # the other questions are asked of one flip in so many
# Each a question whose answer a flip could change in another way.
OTHERS = {
    "search": ["search", "request.path:*report*", "-n", "0", "-o", "json"],
    "phrase": ["search", '"report txt"', "-n", "0", "-o", "json"],
    "stats": ["stats", "--by", "tool,verdict", "-o", "json"],
    "show": ["show", "call-1-7", "-o", "json"],
    "timeline": ["timeline", "session:s1", "-o", "json"],
    "tail": ["tail", "-n", "5", "-o", "json"],
}


def fill(folder):
    daemon = ledgerlib.Daemon(folder).start()
    for batch in range(3):
        daemon.accept([ledgerlib.tool_call(id=f"call-{batch}-{n}", request={"path": f"/srv/{n}/report.txt"},
                                           session_id=f"s{batch}") for n in range(12)])
    daemon.accept([ledgerlib.tool_call(id="big", request={"text": random.Random(1).randbytes(24_000).hex()})])
    return daemon


@pytest.fixture(scope="module", params=["stopped", "killed"])
def store(request, tmp_path_factory):
    """Sealed by a clean stop; or with everything in the tail, and with the lock file that a killed collector leaves."""
    folder = tmp_path_factory.mktemp(request.param)
    daemon = fill(folder)
    if request.param == "stopped":
        daemon.stop()
    else:
        daemon.kill()
    copy = folder / "copy"
    copy.mkdir()
    for path in daemon.data.glob("seg-*.mdb" if request.param == "stopped" else "seg-*.mdb*"):
        shutil.copy(path, copy)
    return copy


def header_of_a_further_part(data):
    """Offsets of its bytes; a value of many parts says in each how long it is in all."""
    for at in range(PAGE_HEADER_BYTES, len(data), PAGE_BYTES):
        if data[at:at + 4] in PART_MAGICS and 0 < data[at + 4] < data[at + 6] - 1:
            return range(at, at + PART_HEADER_BYTES)
    return range(0)


def keys_of_further_parts(data):
    """Offsets of each, in pages that are used and that are not; LMDB has flags and the key's size before it."""
    return [match.start(1) for match in re.finditer(KEY_OF_A_FURTHER_PART, data)]


def places(data):
    """Offsets of bytes: all of them, or a sample of which most are in metas, heads of pages, their nodes, and parts."""
    if LONG:
        return range(SEED % LONG_EVERY, len(data), LONG_EVERY)
    rng = random.Random(SEED)
    pages = len(data) // PAGE_BYTES
    chosen = [rng.randrange(METAS) * PAGE_BYTES + rng.randrange(160) for _ in range(FLIPS // 3)]
    chosen += [rng.randrange(METAS, pages) * PAGE_BYTES
               + rng.choice((rng.randrange(64), rng.randrange(3600, PAGE_BYTES)))
               for _ in range(FLIPS // 3)]
    return chosen + [rng.randrange(len(data)) for _ in range(FLIPS // 3)] + list(header_of_a_further_part(data))


def covers(damage, seq):
    return damage["first_seq"] is not None and damage["first_seq"] <= seq <= damage["last_seq"]


def check(run, name, whole):
    """What is exported is right, or says that it lacks something; what lacks is what verify calls damaged."""
    verified, report, verify_error = run["verify"].run()
    assert verified in (0, 3), (verified, verify_error)
    exported, lines, told = run["export"].run()
    assert exported in (0, 3), (exported, told)
    lines = lines.splitlines()
    if exported == 0:
        assert lines == whole, "another answer, and nothing said"
    else:
        assert name in told.decode()
        assert verified == 3
    assert set(lines) <= set(whole), "a line that was never written"
    if verified == 0:
        return
    report = json.loads(report)
    assert report["whole"] is False and report["faults"] >= len(report["damage"]) > 0
    assert {damage["segment"] for damage in report["damage"]} == {name}
    if all(damage["first_seq"] is not None for damage in report["damage"]):
        kept = {json.loads(line)["seq"] for line in lines}
        for line in whole:
            seq = json.loads(line)["seq"]
            told = any(covers(damage, seq) for damage in report["damage"])
            assert seq in kept or told, f"{seq} is not there, and not told"


def check_others(run, name, answers):
    """The same question has the same answer, or says where damage kept it from it."""
    for question, (status, answer) in answers.items():
        now, output, told = run[question].run()
        assert now in (status, 3), (question, now, told)
        assert output == answer if now == status else name in (output + told).decode(), (question, told)


def flip(job):
    """Flips one bit of each of these bytes in turn; returns what went wrong, as text."""
    source, folder, chosen, seed = job
    folder.mkdir()
    copy = folder / "store"
    shutil.copytree(source, copy)
    path = next(copy.glob("seg-*.mdb"))
    data = path.read_bytes()
    rng = random.Random(seed)
    on_it = ["--data", copy]
    words = {"verify": [*on_it, "verify", "-o", "json"], "export": [*on_it, "export"]}
    words.update((question, [*on_it, *line]) for question, line in OTHERS.items())
    with forked.commands(folder, **words) as run, open(path, "r+b", buffering=0) as file:
        whole = run["export"].run()[1].splitlines()
        assert whole and run["verify"].run()[0] == 0
        answers = {question: run[question].run()[:2] for question in OTHERS}
        assert all(status == 0 for status, _ in answers.values()), answers
        for number, at in enumerate(chosen):
            bit = 1 << rng.randrange(8)
            file.seek(at)
            file.write(bytes([data[at] ^ bit]))
            try:
                check(run, path.name, whole)
                if number % OTHERS_EVERY == 0:
                    check_others(run, path.name, answers)
            except AssertionError as problem:
                return f"bit {bit:#04x} of byte {at} (page {at // PAGE_BYTES}, {at % PAGE_BYTES} in it): {problem}"
            file.seek(at)
            file.write(data[at:at + 1])
    assert path.read_bytes() == data
    return None


def flip_all(job):
    """Has a program flip these bytes; returns what went wrong, as text, and how many flips there were."""
    source, folder, first, end, every, bits, seed = job
    shutil.copytree(source, folder)
    done = subprocess.run([str(part) for part in (FLIPPER, folder, "call-1-7", first, end, every, bits, seed)],
                          capture_output=True, text=True, check=False)
    return (None if done.returncode == 0 else done.stderr or f"status {done.returncode}"), done.stdout.strip()


@pytest.mark.skipif(not FLIPPER.exists(), reason="built without tests")
def test_no_flipped_bit_gives_another_event_or_hides_one_silently(store, tmp_path):
    data = next(store.glob("seg-*.mdb")).read_bytes()
    size = len(data)
    print(f"MCPLEDGER_TEST_SEED={SEED}")
    part = -(-size // PROCESSES)
    jobs = [(store, tmp_path / f"process-{n}", n * part + (SEED + n) % EVERY, min(size, (n + 1) * part), EVERY, BITS,
             SEED + n) for n in range(PROCESSES)]
    jobs += [(store, tmp_path / f"key-{at}", at, at + KEY_BYTES, 1, 8, SEED) for at in keys_of_further_parts(data)]
    with concurrent.futures.ThreadPoolExecutor(PROCESSES) as pool:
        answers = list(pool.map(flip_all, jobs))
    assert all(problem is None for problem, _ in answers), answers
    print(f"{sum(int(flips) for _, flips in answers)} flips in {size} bytes")


@pytest.mark.skipif(not forked.FORKS.exists(), reason="built without tests")
def test_a_flipped_bit_is_told_and_hides_nothing_else(store, tmp_path):
    data = next(store.glob("seg-*.mdb")).read_bytes()
    chosen = places(data)
    print(f"MCPLEDGER_TEST_SEED={SEED}, {len(chosen)} flips in {len(data)} bytes")
    part = -(-len(chosen) // PROCESSES)
    jobs = [(store, tmp_path / f"process-{n}", chosen[n * part:(n + 1) * part], SEED + n)
            for n in range(PROCESSES)]
    with concurrent.futures.ProcessPoolExecutor(PROCESSES) as pool:
        problems = [problem for problem in pool.map(flip, jobs) if problem]
    assert not problems, "\n".join(problems)


def test_a_damaged_name_is_shown_so_that_it_can_be_read(store, tmp_path):
    copy = tmp_path / "store"
    shutil.copytree(store, copy)
    path = next(copy.glob("seg-*.mdb"))
    data = path.read_bytes()
    shown = 0
    at = data.find(b"counters") + 7
    while at >= 7:
        path.write_bytes(data[:at] + bytes([data[at] ^ 0x80]) + data[at + 1:])
        done = subprocess.run([ledgerlib.CLI, "--data", copy, "verify", "-o", "json"], capture_output=True, check=False)
        report = json.loads(done.stdout)
        assert report["whole"] is (done.returncode == 0)
        shown += any(r"counter\xf3" in damage["what"] for damage in report["damage"])
        at = data.find(b"counters", at) + 7
    assert shown > 0


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
