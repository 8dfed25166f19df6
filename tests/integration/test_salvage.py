"""`verify --salvage`: whatever happened to a store's files, the new store has all events that are whole, no others."""

import contextlib
import json
import os
import random
import shutil

import ledgerlib
import pytest

SEED = int(os.environ.get("MCPLEDGER_TEST_SEED", "0")) or random.SystemRandom().getrandbits(32)
PAGE_BYTES = 4096
BRANCH, LEAF = 1, 2
SETTINGS = {"store.segment_bytes_max": "16MiB", "store.block_age_max": "1s"}


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A killed collector's store of two segments: blocks, large payloads, a tail; and its lines by seq."""
    folder = tmp_path_factory.mktemp("original")
    daemon = ledgerlib.Daemon(folder, settings=SETTINGS).start()
    rng = random.Random(SEED)
    sent = 0
    while len(list(daemon.data.glob("seg-*.mdb"))) < 2:
        daemon.accept(b"\n".join(ledgerlib.noisy_event(rng, f"e{sent + n}") for n in range(200)))
        sent += 200
        if sent % 1000 == 0:  # so that there are several blocks
            ledgerlib.wait_until(lambda: daemon.metric("mcpledger_store_tail_events") == 0, "the sealing of the tail")
    for _ in range(3):
        daemon.accept(b"\n".join(ledgerlib.noisy_event(rng, f"e{sent + n}") for n in range(200)))
        sent += 200
        ledgerlib.wait_until(lambda: daemon.metric("mcpledger_store_tail_events") == 0, "the sealing of the tail")
    daemon.accept(b"\n".join(ledgerlib.noisy_event(rng, f"e{sent + n}") for n in range(20)))
    daemon.kill()
    lines = {json.loads(line)["seq"]: line for line in ledgerlib.export_lines(daemon.data)}
    assert sorted(lines) == list(range(1, len(lines) + 1))
    return daemon.data, lines


def segments(store):
    return sorted(store.glob("seg-*.mdb"))


def pages_with(data, magic):
    """Offsets of the values on pages of their own that begin with this magic."""
    return [at for at in range(0, len(data), PAGE_BYTES) if data[at + 16:at + 20] == magic]


def length_of(data, page):
    return int.from_bytes(data[page + 16 + 20:page + 16 + 24], "little")


def zero(data, at, count):
    data[at:at + count] = bytes(count)


def metas_zeroed(data, rng):
    zero(data, 0, 2 * PAGE_BYTES)


def newest_meta_damaged(data, rng):
    newest = max((0, PAGE_BYTES), key=lambda at: int.from_bytes(data[at + 144:at + 152], "little"))
    data[newest + 16] ^= 1


def roots_zeroed(data, rng):
    """Each page of a tree, so that nothing leads to anything."""
    for at in range(2 * PAGE_BYTES, len(data), PAGE_BYTES):
        number, flags = int.from_bytes(data[at:at + 8], "little"), int.from_bytes(data[at + 10:at + 12], "little")
        if number == at // PAGE_BYTES and flags in (BRANCH, LEAF):
            zero(data, at, PAGE_BYTES)


def branches_zeroed(data, rng):
    for at in range(2 * PAGE_BYTES, len(data), PAGE_BYTES):
        number, flags = int.from_bytes(data[at:at + 8], "little"), int.from_bytes(data[at + 10:at + 12], "little")
        if number == at // PAGE_BYTES and flags == BRANCH:
            zero(data, at, PAGE_BYTES)


def blocks_flipped(data, rng):
    for page in rng.sample(pages_with(data, b"mlB1"), 2):
        data[page + 64 + rng.randrange(length_of(data, page))] ^= 1 << rng.randrange(8)


def payloads_flipped(data, rng):
    for page in rng.sample(pages_with(data, b"mlP1"), 5):
        data[page + 64 + rng.randrange(length_of(data, page))] ^= 1 << rng.randrange(8)


def summaries_flipped(data, rng):
    for page in pages_with(data, b"mlS1"):
        data[page + 64 + rng.randrange(length_of(data, page))] ^= 1 << rng.randrange(8)


def cut(data, rng):
    del data[len(data) // 3 + rng.randrange(PAGE_BYTES):]


def scattered(data, rng):
    for _ in range(8):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def all_at_once(data, rng):
    metas_zeroed(data, rng)
    blocks_flipped(data, rng)
    payloads_flipped(data, rng)
    scattered(data, rng)


def emptied(data, rng):
    zero(data, 0, len(data))


# What may be lost: nothing, some events, or more than that.
DAMAGES = {
    metas_zeroed: "nothing", newest_meta_damaged: "nothing", roots_zeroed: "some", branches_zeroed: "nothing",
    blocks_flipped: "some", payloads_flipped: "some", summaries_flipped: "nothing", cut: "much", scattered: "some",
    all_at_once: "much", emptied: "much",
}


def salvage(store, new):
    done = ledgerlib.run_cli("verify", "--data", store, "--salvage", new, "-o", "json", status=None)
    assert done.returncode in (0, 3), done.stderr
    return done.returncode, json.loads(done.stdout)


def lost_seqs(report):
    return {seq for lost in report["lost"] if lost["first_seq"]
            for seq in range(lost["first_seq"], lost["last_seq"] + 1)}


def check(report, status, new, lines):
    """What the new store holds is right, and what it lacks is told: by salvage, by its answers, by its verify."""
    kept = {json.loads(line)["seq"]: line for line in ledgerlib.export_lines(new)}
    assert kept.items() <= lines.items(), "an event that was never stored like this"
    missing = lines.keys() - kept.keys()
    lost = lost_seqs(report)
    assert report["events"] == len(kept)
    assert lost - lines.keys() == set()
    if report["end_is_known"]:
        assert lost == missing
        assert report["last_seq"] == max(lines)
    else:
        assert lost <= missing and all(seq in lost or seq >= report["last_seq"] for seq in missing)
        assert max(kept, default=0) < report["last_seq"]
    assert (status == 0) == (report["lost"] == [])
    coverage = json.loads(ledgerlib.run_cli("search", "--data", new, "kind:tool_call", "-o", "json", "-n", "0",
                                            status=None).stdout)["coverage"]
    assert coverage["missing"] == len(lost) + (not report["end_is_known"])
    assert coverage["damaged"] == []
    verified = ledgerlib.run_cli("verify", "--data", new, "-o", "json", status=None)
    told = json.loads(verified.stdout)["damage"]
    assert verified.returncode == (3 if coverage["missing"] else 0)
    assert all("lost before the store was salvaged" in damage["what"] for damage in told), told
    return kept


def goes_on(new, kept, report):
    """A collector opens it, goes on behind it, and every answer is there."""
    with contextlib.closing(ledgerlib.Daemon(new.parent, settings=SETTINGS)) as daemon:
        daemon.data = new
        daemon.start()
        daemon.accept([ledgerlib.tool_call(id="after", session_id="s1", request={"text": "x" * 150_000})])
        for words in (["search", "tool:read", "-n", "0"], ["stats"], ["timeline", "session:s1"], ["gaps"], ["tools"]):
            done = ledgerlib.run_cli("--url", daemon.url, *words, "-o", "json", status=None)
            assert done.returncode in (0, 1), done.stderr
    lines = {json.loads(line)["seq"]: line for line in ledgerlib.export_lines(new)}
    assert kept.items() <= lines.items()
    assert min(lines.keys() - kept.keys()) > report["last_seq"]
    assert any(json.loads(line).get("id") == "after" for line in lines.values())


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("which", [0, 1], ids=["sealed", "newest"])
def test_all_that_is_whole_is_saved_and_the_rest_is_told(original, damage, which, tmp_path):
    print(f"MCPLEDGER_TEST_SEED={SEED}")
    source, lines = original
    store, new = tmp_path / "store", tmp_path / "new"
    store.mkdir()
    for path in segments(source):
        shutil.copy(path, store)
    path = segments(store)[which]
    data = bytearray(path.read_bytes())
    damage(data, random.Random(SEED))
    path.write_bytes(data)
    status, report = salvage(store, new)
    kept = check(report, status, new, lines)
    print(f"{damage.__name__}: {len(kept)} of {len(lines)} events, {report}"[:400])
    first_of_newest = int(segments(store)[1].stem[4:])
    untouched = {seq for seq in lines if (seq >= first_of_newest) != (which == 1)}
    assert untouched <= kept.keys()
    assert path.read_bytes() == bytes(data), "the damaged store was changed"
    if DAMAGES[damage] == "nothing":
        assert kept == lines
    elif DAMAGES[damage] == "some":
        assert len(kept) > len(lines) / 4
    if which == 1:
        goes_on(new, kept, report)


def test_a_whole_store_is_copied_with_its_counters(original, tmp_path):
    source, lines = original
    new = tmp_path / "store"
    status, report = salvage(source, new)
    assert (status, report["lost"], report["searched"], report["lost_events"]) == (0, [], 0, 0)
    assert check(report, status, new, lines) == lines
    with contextlib.closing(ledgerlib.Daemon(tmp_path, settings=SETTINGS)) as daemon:
        daemon.start()
        before = sum(json.loads(line)["kind"] != "ledger" for line in lines.values())
        assert daemon.metric("mcpledger_ingest_events_total", source="http", result="stored") == before


def test_what_may_not_be_salvaged_is_refused(original, tmp_path):
    source, _ = original
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "file").touch()
    told = ledgerlib.run_cli("verify", "--data", source, "--salvage", taken, status=2).stderr.decode()
    assert "not empty" in told
    told = ledgerlib.run_cli("verify", "--data", tmp_path, "--salvage", tmp_path / "new", status=3).stderr.decode()
    assert "there is no store" in told
    with contextlib.closing(ledgerlib.Daemon(tmp_path)) as daemon:
        daemon.start()
        told = ledgerlib.run_cli("verify", "--data", daemon.data, "--salvage", tmp_path / "new", status=3)
        assert "stop it first" in told.stderr.decode()
    assert not (tmp_path / "new").exists()
