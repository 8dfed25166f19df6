"""`backup`: a copy of a store that is written meanwhile is a store, as of some moment, and says what it is."""

import json
import os
import random
import shutil
import subprocess
import threading

import ledgerlib
import pytest

SEGMENT_BYTES = 16 * 1024 * 1024  # the least that the setting allows
EVERY_VERB = (("search", "kind:tool_call"), ("show", "1"), ("timeline", "session:session-0"), ("related", "call-1"),
              ("sessions",), ("tools",), ("servers",), ("stats",), ("stats", "--by", "tool"), ("first-seen",),
              ("export",))


def events(first, count, rng, request_bytes=12_000):
    return [ledgerlib.tool_call(id=f"call-{n}", session_id=f"session-{n // 1000}", server={"name": "fs"},
                                request={"text": rng.randbytes(request_bytes // 2).hex()})
            for n in range(first, first + count)]


def fill_segments(daemon, count):
    rng = random.Random(7)
    sent = 0
    while len(list(daemon.data.glob("seg-*.mdb"))) < count:
        daemon.accept(events(sent, 500, rng))
        sent += 500
    return sent


def backup(store, to, *options, **kwargs):
    done = ledgerlib.run_cli("backup", to, "--data", store, "-o", "json", *options, **kwargs)
    return json.loads(done.stdout) if done.stdout else None


def seqs(lines):
    return [json.loads(line)["seq"] for line in lines]


def assert_private(folder):
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in folder.iterdir())


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A stopped store of several segments, with payloads that are kept apart; tests copy it and do not change it."""
    folder = tmp_path_factory.mktemp("store")
    daemon = ledgerlib.Daemon(folder, settings={"store.segment_bytes_max": SEGMENT_BYTES}).start()
    fill_segments(daemon, 3)
    daemon.accept(events(100_000, 20, random.Random(3), 150_000))
    daemon.stop()
    return daemon.data


def test_a_backup_is_the_store(store, tmp_path):
    to = tmp_path / "new" / "backup"
    told = backup(store, to)
    lines = ledgerlib.export_lines(store)
    assert ledgerlib.export_lines(to) == lines
    assert (told["first_seq"], told["last_seq"]) == (1, seqs(lines)[-1])
    assert told["segments"] == told["copied"] == len(list(store.glob("seg-*.mdb"))) >= 3
    assert told["damaged"] == 0 and told["payloads"] == 20
    figures = json.loads(ledgerlib.run_cli("stats", "--data", to, "-o", "ndjson").stdout)
    assert told["blocks"] == figures["blocks"]
    assert_private(to)
    assert not (to / "keys").exists() and not (to / "backup.incomplete").exists()
    note = json.loads((to / "backup.json").read_text())
    assert note["complete"] is True and note["next_seq"] == told["last_seq"] + 1
    for verb in EVERY_VERB:
        of_store = ledgerlib.run_cli(*verb, "--data", store, "-q", status=None)
        of_backup = ledgerlib.run_cli(*verb, "--data", to, "-q", status=None)
        if verb != ("stats",):  # which tells the sizes of files
            assert (of_backup.returncode, of_backup.stdout) == (of_store.returncode, of_store.stdout), verb
        assert of_backup.returncode == 0, (verb, of_backup)


def test_a_second_backup_copies_only_what_is_new(store, tmp_path, make_daemon):
    daemon = make_daemon(start=False, settings={"store.segment_bytes_max": SEGMENT_BYTES})
    shutil.copytree(store, daemon.data)
    daemon.start()
    to = tmp_path / "backup"
    first = backup(daemon.data, to)
    before = {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in to.glob("seg-*.mdb")}
    daemon.accept(events(200_000, 10, random.Random(1)))
    second = backup(daemon.data, to)
    daemon.stop()
    after = {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in to.glob("seg-*.mdb")}
    assert first["copied"] >= 3 and second["copied"] == 1 and second["segments"] == first["segments"]
    assert sum(after[name] == before[name] for name in before) == first["segments"] - 1
    assert b"call-200009" in ledgerlib.export_lines(to)[-1]


def test_under_load_roll_over_and_retention_a_backup_is_a_piece_of_the_store(make_daemon, tmp_path):
    daemon = make_daemon(settings={"store.segment_bytes_max": SEGMENT_BYTES})
    sent = fill_segments(daemon, 2)
    stop = threading.Event()
    failures = []

    def load():
        rng = random.Random(9)
        number = sent
        while not stop.is_set():
            answer = daemon.post(events(number, 200, rng))
            if answer.status not in (200, 503):
                failures.append(answer)
            number += 200

    loader = threading.Thread(target=load)
    loader.start()
    try:
        copies = []
        segments = len(list(daemon.data.glob("seg-*.mdb")))
        while len(copies) < 6 or len(list(daemon.data.glob("seg-*.mdb"))) < segments + 2:
            copies.append(tmp_path / f"backup-{len(copies)}")
            told = backup(daemon.data, copies[-1], timeout=300)
            assert told["damaged"] == 0
            if len(copies) > 1:
                backup(daemon.data, copies[0], timeout=300)  # one is brought up to date again and again
    finally:
        stop.set()
        loader.join()
    assert not failures
    daemon.stop()
    lines = ledgerlib.export_lines(daemon.data)
    for copy in copies:
        done = ledgerlib.run_cli("export", "--data", copy)
        copied = done.stdout.splitlines()
        assert copied == lines[:len(copied)] and len(copied) > 1000, copy
        assert b"not here" not in done.stderr

    daemon.settings["store.retention_bytes"] = 2 * SEGMENT_BYTES
    daemon.start()
    ledgerlib.wait_until(lambda: not (daemon.data / "seg-00000000000000000001.mdb").exists(), "retention")
    told = backup(daemon.data, copies[0])
    assert told["kept"] > 0  # what retention took is still in the backup
    assert seqs(ledgerlib.export_lines(copies[0]))[0] == 1
    fresh = tmp_path / "fresh"
    told = backup(daemon.data, fresh)
    assert told["first_seq"] > 1 and told["kept"] == 0
    daemon.stop()
    kept = ledgerlib.export_lines(daemon.data)
    copied = ledgerlib.export_lines(fresh)
    assert copied == kept[:len(copied)]


def kill_while_copying(store, to):
    process = subprocess.Popen([str(ledgerlib.CLI), "backup", str(to), "--data", str(store)],
                               env=ledgerlib.clean_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    ledgerlib.wait_until(lambda: process.poll() is not None or list(to.glob("seg-*")), "a segment")
    process.kill()
    process.wait()


def test_a_killed_backup_says_so_and_the_next_run_completes_it(store, tmp_path):
    for attempt in range(20):
        to = tmp_path / f"backup-{attempt}"
        kill_while_copying(store, to)
        if (to / "backup.incomplete").exists():
            break
    assert (to / "backup.incomplete").exists() and not (to / "backup.json").exists()
    whole = list(to.glob("seg-*.mdb"))
    if whole:
        partial = ledgerlib.run_cli("search", "kind:tool_call", "--data", to, "--require-complete", status=3)
        assert b"backup that was not finished" in partial.stderr
        lines = ledgerlib.run_cli("export", "--data", to, status=None).stdout.splitlines()
        assert lines == ledgerlib.export_lines(store)[:len(lines)]
    backup(store, to)
    assert not (to / "backup.incomplete").exists() and not list(to.glob("*.tmp"))
    assert ledgerlib.export_lines(to) == ledgerlib.export_lines(store)


def test_only_a_place_for_this_stores_backups_is_taken(store, tmp_path, make_daemon):
    other = make_daemon()
    other.accept(ledgerlib.tool_call(id="x"))
    full = tmp_path / "full"
    full.mkdir()
    (full / "letter.txt").write_text("mine")
    of_other = tmp_path / "of-other"
    backup(other.data, of_other)
    for to, words in ((full, "not empty and holds no backup"), (store, "is the store itself"),
                      (other.data, "not empty and holds no backup"), (of_other, "backup of another store"),
                      (full / "letter.txt", "is not a directory")):
        done = ledgerlib.run_cli("backup", to, "--data", store, status=2)
        assert words in done.stderr.decode(), done.stderr
    assert sorted(path.name for path in full.iterdir()) == ["letter.txt"]
    assert b"no --url" in ledgerlib.run_cli("backup", tmp_path / "x", "--url", other.url, status=2).stderr
    ledgerlib.run_cli("backup", "--data", store, status=2)
    ledgerlib.run_cli("backup", tmp_path / "x", "--data", store, "--data", other.data, status=2)
    ledgerlib.run_cli("backup", tmp_path / "x", "--data", tmp_path / "nothing", status=3)


def test_a_collector_goes_on_with_a_backup_and_keeps_others_away(store, tmp_path, make_daemon):
    daemon = make_daemon(start=False)
    backup(store, daemon.data)
    daemon.start()
    daemon.accept(ledgerlib.tool_call(id="behind"))
    done = ledgerlib.run_cli("backup", daemon.data, "--data", store, status=3)
    assert b"in use" in done.stderr
    daemon.stop()
    lines = ledgerlib.export_lines(daemon.data)
    numbers = seqs(lines)
    assert numbers == list(range(1, len(lines) + 1))
    assert lines[:len(ledgerlib.export_lines(store))] == ledgerlib.export_lines(store)
    assert any(b'"behind"' in line for line in lines[-3:])


def test_damage_of_the_store_is_copied_and_told(store, tmp_path):
    damaged = tmp_path / "damaged"
    shutil.copytree(store, damaged)
    segment = sorted(damaged.glob("seg-*.mdb"))[0]
    content = bytearray(segment.read_bytes())
    at = content.index(b"mlB1") + 5000
    content[at] ^= 0xff
    segment.write_bytes(content)
    to = tmp_path / "backup"
    told = backup(damaged, to, status=3)
    assert told["damaged"] == 1
    assert (to / "backup.json").exists()
    exports = [ledgerlib.run_cli("export", "--data", folder, status=3) for folder in (damaged, to)]
    assert exports[0].stdout == exports[1].stdout and exports[0].stderr == exports[1].stderr


def test_a_full_disk_leaves_an_incomplete_backup_that_can_go_on(store, tmp_path):
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no user namespaces here")
    to = tmp_path / "small"
    to.mkdir()
    script = ('mount -t tmpfs -o size=40m tmpfs "$1" || exit 9; "$2" backup "$1" --data "$3"; echo "first $?"; ls "$1";'
              'mount -o remount,size=400m "$1"; "$2" backup "$1" --data "$3" -o json; echo "second $?"; ls "$1"')
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script, "sh", str(to), str(ledgerlib.CLI), str(store)],
                          capture_output=True, env=ledgerlib.clean_environment(), timeout=120, check=False)
    first, _, second = done.stdout.decode().partition("first 3\n")
    assert not first and "no space left" in done.stderr.decode(), done
    listed, _, rest = second.partition("{")
    assert "backup.incomplete" in listed and ".tmp" not in listed and "seg-00000000000000000001.mdb" in listed
    assert "second 0" in rest and "backup.incomplete" not in rest and "backup.json" in rest


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user")
def test_who_may_only_read_a_live_store_is_told_what_to_do(make_daemon, tmp_path):
    daemon = make_daemon()
    daemon.accept(ledgerlib.tool_call(id="x"))
    for path in (daemon.data, *daemon.data.glob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    for folder in [daemon.data, *daemon.data.parents, tmp_path, *tmp_path.parents]:
        if folder.stat().st_mode & 0o005 != 0o005 and folder.stat().st_uid == os.geteuid():
            folder.chmod(0o755)
    to = tmp_path / "nobody"
    to.mkdir()
    os.chown(to, ledgerlib.NOBODY, ledgerlib.NOBODY)
    done = ledgerlib.cli_of_nobody(tmp_path)("backup", to, "--data", daemon.data, status=None)
    # Nobody writes during it, so it is whole; were the store written, it would say so and fail.
    assert done.returncode in (0, 3), done
    if done.returncode == 3:
        assert b"run the backup as the store's owner" in done.stderr or b"not allowed" in done.stderr


def test_a_copy_without_its_newest_segment_says_where_it_ends(store, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(store, copy)
    newest = sorted(copy.glob("seg-*.mdb"))[-1]
    newest.unlink()
    end = int(newest.stem.removeprefix("seg-")) - 1
    for verb in EVERY_VERB:
        if verb in (("show", "1"), ("stats",)):  # answers about one event that is there, and about files
            continue
        done = ledgerlib.run_cli(*verb, "--data", copy, "--require-complete", status=3)
        assert f"goes on behind seq {end}, but this copy does not have its newest segment" in done.stderr.decode(), verb
    answer = json.loads(ledgerlib.run_cli("search", "id:nowhere", "--data", copy, "-o", "json", status=1).stdout)
    assert answer["coverage"]["ends_at"] == end and answer["coverage"]["complete"] is False
    whole = json.loads(ledgerlib.run_cli("search", "id:nowhere", "--data", store, "-o", "json", status=1).stdout)
    assert whole["coverage"]["ends_at"] is None and whole["coverage"]["complete"] is True
