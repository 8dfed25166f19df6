"""Rows about size: what sealed blocks need for real traces, beside zstd on the lines as posted; what packing costs."""

import itertools
import json
import re
import subprocess
import sys

from corpus import SHARED_DATA
from daemon import ROOT, Daemon, run_cli, stop_with
from ingest import Scratch
from table import Row

sys.path.insert(0, str(ROOT / "tests" / "integration"))
import traces

BODY_EVENTS = 500
SEAL_SOON = "MCPLEDGER_STORE_BLOCK_AGE_MAX=1s"
SEALING = re.compile(r"seal (\d+),.* block ([\d.]+),", re.S)
PACKED_EVENTS = 100_000  # of the corpus
OF_ZSTD_19 = {"livemcp": 1.15, "toolathlon": 1.20}


def packed_size(level, text):
    return len(subprocess.run(["zstd", f"-{level}", "-c"], input=text, stdout=subprocess.PIPE, check=True).stdout)


def stored_sizes(bench, lines):
    """Bytes of blocks, large payloads and summaries, when all is sealed; a stop would hurry the sealer."""
    with Scratch(bench.options) as folder:
        with Daemon(bench.build, folder / "store", [*bench.options.set, SEAL_SOON]) as daemon:
            for at in range(0, len(lines), BODY_EVENTS):
                status, answer = daemon.request("/v1/events", b"\n".join(lines[at:at + BODY_EVENTS]))
                if status != 200:
                    stop_with(f"a trace was answered {status}: {answer[:300]!r}")
            daemon.poll(lambda: daemon.metrics()["mcpledger_store_tail_events"] == 0)
            daemon.stop()
        figures = json.loads(run_cli(bench.build, ["--data", folder / "store", "stats", "-o", "json"])[0])
    if figures["tail_events"]:
        stop_with(f"{figures['tail_events']} events are not sealed")
    return [figures[part] for part in ("block_bytes", "payload_bytes", "summary_bytes")]


def trace_rows(bench):
    if not SHARED_DATA.is_dir():
        yield Row("traces of the shared data", "x", note="the shared data are absent")
        return
    for name in traces.SETS:
        lines = [traces.as_line(text) for _, _, text in traces.read(SHARED_DATA, name)]
        text = b"\n".join(lines) + b"\n"
        parts = stored_sizes(bench, lines)
        told = "{:,} B of blocks, {:,} of payloads, {:,} of summaries".format(*parts)
        for level, bar in ((3, 1.0), (19, OF_ZSTD_19.get(name))):
            packed = packed_size(level, text)
            row = Row(f"{name}: stored / zstd -{level}", "x", bar, note=f"{told}; zstd {packed:,} of {len(text):,}")
            row.add(sum(parts) / packed)
            yield row


def sealing(bench, path, *pace):
    """(CPU in us, bytes of a block) an event, when the events of a file are sealed."""
    done = subprocess.run([bench.build / "tests" / "bench" / "bench-block", path, str(BODY_EVENTS), *pace],
                          capture_output=True, text=True, check=True)
    ns, size = SEALING.search(done.stdout).groups()
    return int(ns) / 1e3, float(size)


def packing_rows(bench):
    """A block packed when there is time, beside the same in a hurry: what packing it again would cost and save."""
    with bench.corpus.open() as lines:
        inputs = {"corpus": b"".join(itertools.islice(lines, PACKED_EVENTS))}
    if SHARED_DATA.is_dir():
        inputs |= {name: b"\n".join(traces.as_line(text) for _, _, text in traces.read(SHARED_DATA, name)) + b"\n"
                   for name in traces.SETS}
    with Scratch(bench.options) as folder:
        for name, lines in inputs.items():
            path = folder / name
            path.write_bytes(lines)
            cost = Row(f"{name}: packing at leisure, not in a hurry: CPU an event", "us")
            saved = Row(f"… saved an event of {name}", "B")
            for _ in range(bench.options.runs):
                (hurried_us, hurried_bytes), (us, size) = sealing(bench, path, "hurry"), sealing(bench, path)
                cost.add(us - hurried_us)
                saved.add(hurried_bytes - size)
            cost.note = f"{us:.1f} us and {size:.1f} B an event in all"
            yield from (cost, saved)
