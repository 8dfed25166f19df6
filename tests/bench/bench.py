"""What one event costs the daemon: CPU, disk, memory.  Run by `./dev bench`; needs only Python's own library.

Each run starts mcpledgerd on a new store, sends the corpus over HTTP (or UDP) and stops it cleanly, so that sealing is
in the figures.  CPU is the process's own user + system time from the first byte to its exit.  Machines differ and one
machine's speed swings, so the speed of zlib level 1 on the same text is measured before and after each run, and the CPU
is also told as it would be where that speed is REFERENCE_MB_PER_S.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import corpus
from daemon import CACHE, ROOT, Daemon, Sampler, cpu_seconds, disk_bytes, post_all

SHARED_DATA = Path(os.environ.get("MCPLEDGER_TEST_DATA", ROOT.parent / "shared" / "data"))
SHARED_CORPUS = SHARED_DATA.parent / "tools" / "bench_corpus.py"
CORPUS_AGE_MAX_S = 6 * 3600  # times in it must stay near the clock, or events are marked time_suspect
ZLIB_SAMPLE_BYTES = 32 << 20
REFERENCE_MB_PER_S = 172  # of zlib level 1, on the machine that absolute figures are meant for


def corpus_file(options):
    if options.corpus:
        return Path(options.corpus)
    CACHE.mkdir(parents=True, exist_ok=True)
    shared = SHARED_CORPUS.exists() and not options.own_corpus
    path = CACHE / f"{'shared' if shared else 'own'}-{options.events}.ndjson"
    if not path.exists() or time.time() - path.stat().st_mtime > CORPUS_AGE_MAX_S:
        print(f"writing {options.events} events to {path.relative_to(ROOT)}", flush=True)
        new = path.with_suffix(".new")
        if shared:
            with open(new, "wb") as out:
                subprocess.run([sys.executable, SHARED_CORPUS, str(options.events)], stdout=out, check=True)
        else:
            corpus.write(new, options.events, time.time_ns())
        new.rename(path)
    return path


def bodies_of(path, options):
    """The corpus as request bodies of options.batch lines."""
    bodies, lines = [], []
    with open(path, "rb") as events:
        for number, line in enumerate(events):
            if number == options.events:
                break
            lines.append(line)
            if len(lines) == options.batch:
                bodies.append(b"".join(lines))
                lines = []
    if lines:
        bodies.append(b"".join(lines))
    return bodies


def zlib_speed(bodies):
    """MB/s of CPU time of zlib level 1."""
    sample = b"".join(bodies[: max(1, ZLIB_SAMPLE_BYTES // max(1, len(bodies[0])))])
    before = time.process_time()
    zlib.compress(sample, 1)
    return len(sample) / 1e6 / (time.process_time() - before)


def send_over_udp(ready, path, options):
    begin = time.perf_counter()
    command = [options.build / "tests/bench/udp_load", ready["udp"], path, str(options.events), str(options.rate)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    sent = json.loads(done.stdout)
    return {"accepted": sent["sent"], "seconds": time.perf_counter() - begin, "p50_ms": 0.0, "p99_ms": 0.0}


def run_once(options, path, bodies):
    folder = Path(tempfile.mkdtemp(prefix="mcpledger-bench-", dir=options.folder))
    try:
        speed_before = zlib_speed(bodies)
        with Daemon(options.build, folder / "store", folder / "ready.json", options.set) as daemon:
            sampler = Sampler(daemon.pid)
            sampler.start()
            user_before, system_before = cpu_seconds(daemon.pid)
            if options.udp:
                sent = send_over_udp(daemon.ready, path, options)
            else:
                sent = post_all(daemon.ready, bodies, options.connections)
            daemon.stop()
            sampler.done.set()
        user, system = daemon.usage.ru_utime - user_before, daemon.usage.ru_stime - system_before
        count = options.events
        cpu = (user + system) / count * 1e6
        speed = (speed_before + zlib_speed(bodies)) / 2
        return {
            "events_per_s": sent["accepted"] / sent["seconds"],
            "cpu_us_per_event": cpu,
            "cpu_us_per_event_at_reference": cpu * speed / REFERENCE_MB_PER_S,
            "user_us_per_event": user / count * 1e6,
            "system_us_per_event": system / count * 1e6,
            "bytes_per_event": disk_bytes(folder / "store") / count,
            "rss_anon_peak_mib": sampler.peak_kib / 1024,
            "p50_ms": sent["p50_ms"],
            "p99_ms": sent["p99_ms"],
            "zlib1_mb_per_s": speed,
            "accepted": sent["accepted"],
        }
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)


COLUMNS = (
    ("CPU us/event", "cpu_us_per_event", "{:.2f}"),
    (f"at {REFERENCE_MB_PER_S} MB/s", "cpu_us_per_event_at_reference", "{:.2f}"),
    ("user", "user_us_per_event", "{:.2f}"),
    ("system", "system_us_per_event", "{:.2f}"),
    ("bytes/event", "bytes_per_event", "{:.1f}"),
    ("RssAnon MiB", "rss_anon_peak_mib", "{:.0f}"),
    ("events/s", "events_per_s", "{:.0f}"),
    ("p50 ms", "p50_ms", "{:.1f}"),
    ("p99 ms", "p99_ms", "{:.1f}"),
    ("zlib-1 MB/s", "zlib1_mb_per_s", "{:.0f}"),
)


def print_row(name, figures):
    cells = [form.format(figures[key]) for _, key, form in COLUMNS]
    print(f"{name:<8}" + "".join(f"{cell:>13}" for cell in cells), flush=True)


def main():
    parser = argparse.ArgumentParser(prog="./dev bench", description="CPU, disk and memory for each event")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=500, help="events a request body (500)")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--udp", action="store_true", help="send over UDP, one event a datagram")
    parser.add_argument("--rate", type=int, default=50_000, help="datagrams a second (50000)")
    parser.add_argument("--corpus", help="an NDJSON file of events instead of the generated one")
    parser.add_argument("--own-corpus", action="store_true", help="our own generator, even where the shared one is")
    parser.add_argument("--set", action="append", default=[], metavar="MCPLEDGER_X=Y", help="a setting of the daemon")
    parser.add_argument("--folder", help="where the stores are made (the system's temporary folder)")
    parser.add_argument("--keep", action="store_true", help="keep the stores")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--json", type=Path, default=CACHE / "result.json", help="where the figures go as JSON")
    options = parser.parse_args()

    path = corpus_file(options)
    bodies = bodies_of(path, options)
    size = sum(map(len, bodies)) / options.events
    how = f"UDP at {options.rate}/s" if options.udp else f"{options.batch} a body, {options.connections} connections"
    print(f"{options.events} events of {size:.0f} bytes, {how}")
    print(f"{'':<8}" + "".join(f"{title:>13}" for title, _, _ in COLUMNS))
    runs = []
    for number in range(options.runs):
        runs.append(run_once(options, path, bodies))
        print_row(f"run {number + 1}", runs[-1])
    if len(runs) > 1:
        for name, summary in (("min", min), ("median", statistics.median), ("max", max)):
            print_row(name, {key: summary(run[key] for run in runs) for _, key, _ in COLUMNS})
    options.json.parent.mkdir(parents=True, exist_ok=True)
    result = {"how": how, "events": options.events, "event_bytes": size, "runs": runs}
    options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
