"""`--checkpoint FILE`: each event is passed on once, whatever fails in between."""

import os
import shutil
import subprocess

import ledgerlib
import pytest
from test_retention import SEGMENT_BYTES, fill_segments


def calls(first, count, **members):
    return [ledgerlib.tool_call(id=f"call-{n}", request={"n": n}, **members) for n in range(first, first + count)]


def export(store, checkpoint, *options, **kwargs):
    return ledgerlib.run_cli("export", "--data", store, "--checkpoint", checkpoint, *options, **kwargs)


@pytest.fixture
def checkpoint(tmp_path):
    return tmp_path / "checkpoint"


def test_runs_one_after_the_other_pass_each_event_on_once(daemon, checkpoint):
    parts = []
    for number in range(6):
        daemon.accept(calls(number * 10, 10))
        run = daemon.cli if number % 2 else daemon.cli_on_store  # the file is the same for both
        parts.append(run("export", "--checkpoint", checkpoint).stdout)
        assert run("export", "--checkpoint", checkpoint).stdout.count(b'"call-') == 0
    assert all(part.count(b'"call-') == 10 for part in parts)
    daemon.stop()
    rest = export(daemon.data, checkpoint).stdout
    told = [line for line in (b"".join(parts) + rest).splitlines() if b'"op":"query"' not in line]
    whole = [line for line in ledgerlib.export_lines(daemon.data) if b'"op":"query"' not in line]
    assert told == whole
    assert checkpoint.stat().st_mode & 0o777 == 0o600


def test_a_search_tells_all_that_is_new_oldest_first(daemon, checkpoint):
    daemon.accept(calls(0, 80))
    search = ("search", "kind:tool_call", "--checkpoint", checkpoint, "-o", "ndjson", "-q")
    first = daemon.cli_on_store(*search).stdout.splitlines()
    assert len(first) == 80 and b'"call-0"' in first[0]
    daemon.cli_on_store(*search, status=1)
    daemon.accept(calls(80, 3))
    assert [b'"call-8%d"' % n in line for n, line in enumerate(daemon.cli(*search).stdout.splitlines())] == [True] * 3
    daemon.cli(*search, status=1)


def test_nothing_moves_on_when_the_output_fails(daemon, checkpoint):
    daemon.accept(calls(0, 3000))
    line = [str(ledgerlib.CLI), "export", "--data", str(daemon.data), "--checkpoint", str(checkpoint)]
    over_http = [*line[:2], "--url", daemon.url, *line[4:]]
    for command in (line, over_http):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE,
                                  env=ledgerlib.clean_environment(), check=False)
        assert done.returncode == 3 and b"no space" in done.stderr
        reading, writing = os.pipe()
        os.close(reading)
        subprocess.run(command, stdout=writing, stderr=subprocess.DEVNULL, env=ledgerlib.clean_environment(),
                       check=False)
        os.close(writing)
    assert export(daemon.data, checkpoint).stdout.count(b'"call-') == 3000


def test_a_run_that_is_killed_is_repeated_and_two_at_once_are_not(daemon, checkpoint):
    daemon.accept(calls(0, 3000))
    line = [str(ledgerlib.CLI), "export", "--data", str(daemon.data), "--checkpoint", str(checkpoint)]
    stalled = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                               env=ledgerlib.clean_environment())  # nobody reads: the pipe is full
    first = stalled.stdout.read(10)
    assert first
    assert b"in use by another run" in export(daemon.data, checkpoint, status=3).stderr
    stalled.kill()
    stalled.communicate()
    assert export(daemon.data, checkpoint).stdout.count(b'"call-') == 3000


def test_a_foreign_damaged_or_future_checkpoint_is_refused(make_daemon, checkpoint, tmp_path):
    one, other = make_daemon(), make_daemon()
    for daemon in (one, other):
        daemon.accept(calls(0, 5))
        daemon.stop()
    older = tmp_path / "older"
    shutil.copytree(one.data, older)
    one.start()
    one.accept(calls(5, 5))
    one.stop()
    export(one.data, checkpoint)
    saved = checkpoint.read_bytes()
    assert b"is not asked here" in export(other.data, checkpoint, status=2).stderr
    assert b"is this an older copy?" in export(older, checkpoint, status=2).stderr
    for broken in (saved[:-1], saved.replace(b":", b":1", 1), b"rubbish\n", saved + b"\n", b"\0" * 70000):
        checkpoint.write_bytes(broken)
        assert export(one.data, checkpoint, status=2).stdout == b""
        assert checkpoint.read_bytes() == broken
    checkpoint.unlink()
    checkpoint.symlink_to(tmp_path / "elsewhere")
    assert b"symbolic link" in export(one.data, checkpoint, status=2).stderr
    export(one.data, tmp_path, status=3)
    for option in (("-n", "5"), ("--until", "1h"), ("--position", "start")):
        export(one.data, tmp_path / "c", *option, status=2)
    ledgerlib.run_cli("stats", "--data", one.data, "--checkpoint", tmp_path / "c", status=2)


def test_several_stores_share_a_checkpoint_and_one_may_join(make_daemon, checkpoint):
    daemons = [make_daemon() for _ in range(3)]
    for number, daemon in enumerate(daemons):
        daemon.accept(calls(number * 10, 10))
    both = ("--data", daemons[1].data)
    assert export(daemons[0].data, checkpoint, *both).stdout.count(b'"call-') == 20
    daemons[1].accept(calls(100, 4))
    assert export(daemons[0].data, checkpoint, *both).stdout.count(b'"call-') == 4
    assert export(daemons[2].data, checkpoint, *both, "--data", daemons[0].data).stdout.count(b'"call-') == 10
    assert b"is not asked here" in export(daemons[2].data, checkpoint, status=2).stderr


def test_what_retention_took_meanwhile_is_told_as_missing(make_daemon, checkpoint):
    daemon = make_daemon(settings={"store.segment_bytes_max": SEGMENT_BYTES})
    daemon.accept(calls(0, 1))
    export(daemon.data, checkpoint)
    fill_segments(daemon, 4)
    daemon.stop()
    daemon.settings["store.retention_bytes"] = 2 * SEGMENT_BYTES
    daemon.start()
    ledgerlib.wait_until(lambda: not (daemon.data / "seg-00000000000000000001.mdb").exists(), "retention")
    daemon.stop()
    done = export(daemon.data, checkpoint, "--require-complete", status=3)
    assert b"missing: seq 3-" in done.stderr
