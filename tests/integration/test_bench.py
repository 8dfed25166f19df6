"""The benchmarks measure what they say: each row has figures, and the load generators account for all they send."""

import json
import re
import subprocess
import sys

import ledgerlib
import pytest

BENCH = ledgerlib.ROOT / "tests" / "bench" / "bench.py"
LOAD = ledgerlib.BUILD / "tests" / "bench" / "http_load"
LINES = 300
BENCH_SECONDS_MAX = 550


@pytest.fixture
def events(tmp_path):
    path = tmp_path / "events.ndjson"
    line = '{{"id":"{:08x}-0000-4000-8000-000000000000","kind":"tool_call","action":"a","target":{{"name":"t"}}}}\n'
    path.write_text("".join(line.format(number << 8) for number in range(LINES)))
    return path


def load(daemon, path, *options):
    done = subprocess.run([LOAD, daemon.ready["http"], "/v1/events", path, "-t", "60", *options], capture_output=True,
                          timeout=90, check=True)
    return json.loads(done.stdout)


def test_a_load_is_answered_whole_whatever_its_bodies(make_daemon, events):
    daemon = make_daemon()
    for number, options in enumerate((("-b", "7", "-c", "3"), ("-b", "1", "-c", "32"), ("-b", "1", "-r", "2000"))):
        told = load(daemon, events, "-i", str(number), *options)
        assert (told["sent"], told["accepted"], told["refused"]) == (LINES, LINES, 0), options
        assert 0 < told["p50_ms"] <= told["p99_ms"] <= told["max_ms"]


def test_rounds_of_a_file_are_never_duplicates(make_daemon, events):
    daemon = make_daemon()
    told = load(daemon, events, "-n", str(3 * LINES), "-b", "50")
    assert told["accepted"] == 3 * LINES
    again = load(daemon, events, "-n", str(LINES), "-i", "2")
    assert (again["sent"], again["accepted"]) == (LINES, 0), "the third round was sent before"


def test_a_profiled_build_has_the_programs_that_are_run():
    asked = {name for path in BENCH.parent.glob("*.py")
             for name in re.findall(r"tests[/\" ]+bench[/\" ]+(\w+[_-]\w+)\"", path.read_text())}
    programs = re.findall(r"executable\('([\w-]+)'", (BENCH.parent / "meson.build").read_text())
    assert asked and asked <= set(programs)
    dev = (ledgerlib.ROOT / "dev").read_text()
    built = re.search(r"PROFILED_TARGETS=\(.*tests/bench/{([^}]*)}", dev).group(1).split(",")
    assert set(built) == asked


def test_rows_that_there_are_not_are_told():
    done = subprocess.run([sys.executable, BENCH, "query", "--only", "export,recompressed"], capture_output=True,
                          text=True, check=False, env=ledgerlib.clean_environment())
    assert done.returncode == 2
    assert "no rows recompressed, but question, export" in done.stderr


def test_a_table_has_figures_for_each_row_and_keeps_them_as_json(tmp_path):
    options = ["--own-corpus", "--events", "2000", "--store-events", "2000", "--runs", "1", "--question-runs", "2",
               "--single-events", "500", "--folder", tmp_path, "--build", ledgerlib.BUILD,
               "--only", "body,single,question,restart"]
    done = subprocess.run([sys.executable, BENCH, "table", *options], capture_output=True, text=True, check=False,
                          env=ledgerlib.clean_environment(), timeout=BENCH_SECONDS_MAX)
    assert done.returncode == 0, done.stdout + done.stderr
    table = json.loads((tmp_path / "table.json").read_text())
    rows = {row["name"]: row for row in table["rows"]}
    for row in rows.values():
        assert 0 <= row["min"] <= row["median"] <= row["max"], row
        assert f"| {row['name']} " in done.stdout
    assert rows["kill -9: acknowledged, not known as duplicates"]["kept"]
    assert rows["event by id, API"]["bar"] == 0.005
