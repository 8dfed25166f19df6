"""`import`: what was exported comes back as it was, from files, pipes and gzip, once, however often it is sent."""

import gzip
import json
import re

import ledgerlib
import pytest
from test_read import canonical

COUNTS = re.compile(rb"(\d+) accepted, (\d+) already there, (\d+) rejected")


def load(daemon, *words, status=0, **kwargs):
    done = daemon.cli("import", *words, status=status, **kwargs)
    counts = COUNTS.search(done.stdout)
    return tuple(map(int, counts.groups())) if counts else None, done.stderr.decode()


def calls(count):
    return [ledgerlib.tool_call(id=f"c{n}", time=1_795_168_800_000_000_000 + n, request={"n": n, "big": 2**63 + n})
            for n in range(count)]


def imported(daemon):
    return [line for line in ledgerlib.export_lines(daemon.data) if b'"origin":' in line]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    daemon = ledgerlib.Daemon(tmp_path_factory.mktemp("first")).start()
    daemon.accept(calls(3000))
    daemon.stop()
    return ledgerlib.export_lines(daemon.data)


def test_an_import_of_an_export_of_an_import_keeps_every_origin(exported, make_daemon):
    second, third = make_daemon(), make_daemon()
    load(second, "-", stdin=b"\n".join(exported))
    once = imported(second)
    load(third, "-", stdin=b"\n".join(once))
    twice = [line for line in imported(third) if "origin" in json.loads(line)["ingest"]["origin"].get("ingest", {})]
    assert len(once) == len(twice) == len(exported)
    for first, between, last in zip(exported, once, twice, strict=True):
        assert canonical(first) == canonical(between) == canonical(last)
        origins = json.loads(last)["ingest"]["origin"], json.loads(between)["ingest"]["origin"]
        assert origins[0]["seq"] == json.loads(between)["seq"]
        assert origins[0]["ingest"]["origin"] == origins[1]
        assert origins[1]["seq"] == json.loads(first)["seq"]
        assert json.loads(last).get("time") == json.loads(first).get("time")


@pytest.mark.parametrize("packed", (False, True))
@pytest.mark.parametrize("piped", (False, True))
def test_files_and_pipes_plain_or_packed_are_the_same(exported, make_daemon, tmp_path, packed, piped):
    daemon = make_daemon()
    lines = b"\n".join(exported) + b"\n"
    half = len(lines) // 2
    content = gzip.compress(lines[:half]) + gzip.compress(lines[half:]) if packed else lines
    (tmp_path / "events").write_bytes(content)
    words = ("-",) if piped else (tmp_path / "events",)
    counts, _ = load(daemon, *words, stdin=content if piped else None)
    assert counts == (len(exported), 0, 0)
    assert [canonical(line) for line in imported(daemon)] == list(map(canonical, exported))
    assert load(daemon, *words, stdin=content if piped else None)[0] == (0, len(exported), 0)


def test_a_packed_file_that_is_cut_short_is_told_and_can_be_sent_again(exported, make_daemon, tmp_path):
    daemon = make_daemon()
    content = gzip.compress(b"\n".join(exported))
    (tmp_path / "cut").write_bytes(content[:len(content) // 2])
    (_, _, rejected), told = load(daemon, tmp_path / "cut", status=3)
    assert re.search(r"cut short: it can't be unpacked behind line \d+", told) and rejected <= 1
    (tmp_path / "whole").write_bytes(content)
    accepted, there, rejected = load(daemon, tmp_path / "whole")[0]
    assert accepted + there == len(exported) and rejected == 0
    assert len(imported(daemon)) == len(exported)


def test_refused_lines_are_named_far_down_a_packed_file(daemon, tmp_path):
    lines = [json.dumps(event).encode() for event in calls(20000)]
    lines[17_000] = b'{"kind":'
    lines[19_998] = b'{"no":"kind"}'
    (tmp_path / "events.gz").write_bytes(gzip.compress(b"\n".join(lines)))
    counts, told = load(daemon, tmp_path / "events.gz", status=3)
    assert counts == (19_998, 0, 2)
    assert re.findall(r"^line (\d+):", told, re.M) == ["17001", "19999"]


def test_what_is_no_file_is_told(daemon, tmp_path):
    assert "can't be read" in load(daemon, tmp_path / "nothing", status=3)[1]
    assert "can't be read" in load(daemon, tmp_path, status=3)[1]
    load(daemon, "a", "b", status=2)
