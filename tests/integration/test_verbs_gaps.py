"""`gaps`: where the record is not complete, against what the test itself left out, lost or broke."""

import json
import random
import shutil
from collections import defaultdict

import ledgerlib
from test_retention import SEGMENT_BYTES, fill_segments

NS = 10**9
START = 1_795_168_800 * NS  # 2026-11-20T10:00:00Z


def gaps(store, *options, status=0):
    answer = ledgerlib.run_cli("--data", store, "gaps", "-q", "-o", "json", *options, status=status)
    found = defaultdict(list)
    for item in json.loads(answer.stdout)["items"]:
        found[item["gap"]].append(item)
    return found


def seen_by(name, number, epoch="e1", **members):
    observer = {"role": "server", "name": name, "instance": "i", "epoch": epoch, "seq": number}
    return ledgerlib.tool_call("t", time=START + number * NS, observer=observer, **members)


def holes(numbers, last):
    """Runs of numbers that are missing between the least that came and last."""
    missing = sorted(set(range(min(numbers), last + 1)) - set(numbers))
    runs = []
    for number in missing:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return [tuple(run) for run in runs]


def test_nothing_missing_is_1_and_said_so(daemon):
    daemon.accept([seen_by("a", number) for number in range(20)], path="/v1/import")
    done = daemon.cli_on_store("gaps", status=1)
    assert done.stdout == b"" and b"complete" in done.stderr
    assert daemon.cli("gaps", status=1).stdout == b""


def test_numbers_that_never_came_are_those_left_out(daemon):
    rng = random.Random(5)
    sent, expected = [], set()
    for name in ("a", "b", "c"):
        for epoch in ("e1", "e2"):
            numbers = sorted(rng.sample(range(1, 400), 300))
            told = numbers[-1] + rng.choice((0, 7))
            sent += [seen_by(name, number, epoch) for number in numbers]
            sent.append({"kind": "heartbeat", "time": START + 401 * NS, "epoch": epoch, "last_seq": told,
                         "observer": {"role": "server", "name": name, "instance": "i", "epoch": epoch}})
            expected |= {(f"server {name}/i", epoch, *run) for run in holes(numbers, told)}
    rng.shuffle(sent)
    for start in range(0, len(sent), 100):
        daemon.accept(sent[start:start + 100], path="/v1/import")
    found = set()
    for item in gaps(daemon.data)["emitter"]:
        words = item["why"].split()
        found.add((item["source"], words[-1], int(words[2]), int(words[4])))
        assert item["events"] == int(words[4]) - int(words[2]) + 1
        assert item["since"] < item["until"]
    assert found == expected and len(found) > 100


def heartbeat(name, second):
    return {"kind": "heartbeat", "time": START + second * NS, "observer": {"role": "server", "name": name}}


def test_silence_is_told_and_a_stop_is_none(daemon):
    beats = [heartbeat("steady", second) for second in range(0, 900, 30)]
    beats += [heartbeat("gone", second) for second in range(0, 300, 30)]
    beats += [heartbeat("back", second) for second in [*range(0, 120, 30), *range(600, 900, 30)]]
    beats += [heartbeat("stopped", second) for second in range(0, 300, 30)]
    beats.append({"kind": "lifecycle", "phase": "stop", "time": START + 275 * NS,
                  "observer": {"role": "server", "name": "stopped"}})
    daemon.accept(beats, path="/v1/import")
    found = gaps(daemon.data)
    silent = sorted((item["source"], item["since"], item["until"]) for item in found["silent"])
    assert silent == [("server back", "2026-11-20T10:01:30Z", "2026-11-20T10:10:00Z"),
                      ("server gone", "2026-11-20T10:04:30Z", None)]
    assert set(found) == {"silent"}


def test_calls_without_an_end_and_samples_are_told(daemon):
    calls = []
    for number in range(100):
        start = seen_by("s", number, id=f"c{number}", stage="start", server={"name": f"s{number % 3}"})
        calls.append(start)
        if number % 10:
            calls.append(start | {"stage": "end", "duration_ns": NS})
    calls.append(seen_by("s", 1, id="c1", stage="start", tenant="other"))  # the same id, another tenant
    sampled = [seen_by("half", number, sampling={"rate": 0.5}) for number in range(7)]
    for event in calls + sampled:
        event["observer"].pop("seq", None)
    daemon.accept(calls + sampled, path="/v1/import")
    found = gaps(daemon.data)
    by_server = {item["source"]: item["events"] for item in found["no_end"]}
    assert by_server == {"server s/i of s0": 4, "server s/i of s1": 3, "server s/i of s2": 3, "server s/i": 1}
    assert [item["why"] for item in found["sampled"]] == ["7 events of a sample, rate 0.5"]
    assert set(found) == {"no_end", "sampled"}
    assert "no_end" not in gaps(daemon.data, "--until", "2026-11-20T10:00:00Z", status=1)
    assert sum(item["events"] for item in gaps(daemon.data, "--tenant", "other")["no_end"]) == 1


def test_stops_crashes_and_refusals_of_the_collector_are_told(make_daemon):
    daemon = make_daemon()
    daemon.accept(ledgerlib.tool_call("t"))
    daemon.stop()
    daemon.start()
    assert daemon.post([{"kind": ""}, ledgerlib.tool_call("u")]).json()["rejected_total"] == 1
    daemon.kill()
    daemon.start()
    daemon.accept(ledgerlib.tool_call("v"))
    daemon.stop()
    found = gaps(daemon.data)
    assert len(found["down"]) == 1 and len(found["crashed"]) == 1
    events = [json.loads(line) for line in ledgerlib.export_lines(daemon.data)]
    note = next(event for event in events if event.get("op") == "gap")
    assert note["detail"]["reason"] == found["crashed"][0]["why"]
    refused = [event["detail"] for event in events if event.get("op") == "reject"]
    assert [(item["events"], item["why"]) for item in found["refused"]] == [
        (detail["count"], detail["reason"]) for detail in refused]


def test_what_the_store_lacks_is_told_with_its_place(make_daemon, tmp_path):
    daemon = make_daemon(settings={"store.segment_bytes_max": SEGMENT_BYTES})
    fill_segments(daemon, 5)
    daemon.stop()
    firsts = [int(path.stem.removeprefix("seg-")) for path in sorted(daemon.data.glob("seg-*.mdb"))]
    copy = tmp_path / "copy"
    shutil.copytree(daemon.data, copy)
    names = [f"seg-{first:020d}.mdb" for first in firsts]
    for gone in (0, 2, len(names) - 1):
        (copy / names[gone]).unlink()
    content = bytearray((copy / names[1]).read_bytes())
    at = content.index(b"mlB1")
    content[at + 60] ^= 0xff  # the image's own head
    (copy / names[1]).write_bytes(content)
    found = gaps(copy, status=3)
    assert [(item["first_seq"], item["last_seq"], item["events"]) for item in found["expired"]] == [
        (1, firsts[1] - 1, firsts[1] - 1)]
    assert [(item["first_seq"], item["last_seq"]) for item in found["missing"]] == [(firsts[2], firsts[3] - 1)]
    assert [item["first_seq"] for item in found["damaged"]] == [firsts[1]]
    assert [item["first_seq"] for item in found["cut_off"]] == [firsts[-1]]
    assert not gaps(daemon.data, status=1)


def test_a_damaged_segment_hides_nothing_around_it(make_daemon, tmp_path):
    daemon = make_daemon(settings={"store.segment_bytes_max": SEGMENT_BYTES})
    fill_segments(daemon, 4)
    daemon.stop()
    lines = ledgerlib.export_lines(daemon.data)
    names = sorted(path.name for path in daemon.data.glob("seg-*.mdb"))
    firsts = [int(name[4:24]) for name in names] + [len(lines) + 1]
    for number, name in enumerate(names):
        copy = tmp_path / f"copy-{number}"
        shutil.copytree(daemon.data, copy)
        with open(copy / name, "r+b") as file:  # both meta pages of the file
            file.write(bytes(8192))
        whole = lines[:firsts[number] - 1] + lines[firsts[number + 1] - 1:]
        done = ledgerlib.run_cli("export", "--data", copy, status=3)
        assert done.stdout.splitlines() == whole
        found = gaps(copy, status=3)
        assert [item["first_seq"] for item in found["damaged"]] == [firsts[number]]
        newest = ledgerlib.run_cli("search", "kind:tool_call", "-n", "2", "-o", "ndjson", "--data", copy,
                                   status=3 if number == len(names) - 1 else None)
        assert newest.stdout.splitlines() == [line for line in whole if b'"kind":"tool_call"' in line][-2:]


def test_hostile_names_stay_in_their_cells(daemon):
    bad = "\x1b[2J\u202e=1\n"
    daemon.accept([seen_by(bad, 1), seen_by(bad, 9)], path="/v1/import")
    table = daemon.cli_on_store("gaps", "-q").stdout
    assert b"\x1b" not in table and "\u202e".encode() not in table and len(table.splitlines()) == 2
    assert bad in gaps(daemon.data)["emitter"][0]["source"]
