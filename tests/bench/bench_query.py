"""What a question costs on a large store.  Run by `./dev bench query`; needs only Python's own library.

The daemon itself makes the store, from the generated corpus, once; it is kept in .cache/bench.  Each command is a new
process of the command line, run once before it is timed, so that the page cache is warm.  Wall time is what a person
waits for; CPU (user + system of all threads) is what can be compared on a busy machine.  What a question must find is
counted while the corpus is made: a wrong answer ends the run.
"""

import argparse
import collections
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import quote, urlencode

import corpus
from daemon import CACHE, ROOT, Daemon, Sampler, clean_environment, disk_bytes, post_all

FORMAT = 1  # of the store's notes: raise it when the corpus or the questions change
SPAN_S_MAX = 20 * 3600  # a store whose events are older is made anew, so that none becomes time_suspect
RARE = "account 31337"  # few events hold the number: summaries rule most blocks out
COMMON = "review account archive backup"  # every block holds each word, hardly an event the phrase: all is read
SPARE_DISK_BYTES, EVENT_DISK_BYTES = 2 << 30, 110
CLI_SECONDS_MAX = 600


class Stream:
    """Request bodies of the corpus, made while they are sent; facts: what the questions must find."""

    def __init__(self, events, batch, seed):
        self.events, self.batch, self.seed = events, batch, seed
        self.facts = {}

    def __iter__(self):
        lines, sessions, found = [], collections.Counter(), collections.Counter()
        for number, event in enumerate(corpus.events(self.events, time.time_ns(), self.seed)):
            line = json.dumps(event, separators=(",", ":"))
            sessions[event["session_id"]] += 1
            found["rare"] += f"account = {RARE.split()[1]} " in line
            found["common"] += COMMON in line or COMMON.replace(" ", ", ") in line
            found["groups", event["server"]["name"], event["target"]["name"]] += 1
            if number == self.events // 2:
                self.facts.update(id=event["id"], session=event["session_id"])
            lines.append(line)
            if len(lines) == self.batch:
                yield "\n".join(lines).encode()
                lines = []
        if lines:
            yield "\n".join(lines).encode()
        self.facts.update(rare=found["rare"], common=found["common"], in_session=sessions[self.facts["session"]],
                          groups=sum(isinstance(key, tuple) for key in found))


# --- the store ---


def make_store(options, folder):
    free = shutil.disk_usage(CACHE).free
    if free < options.events * EVENT_DISK_BYTES * 2 + SPARE_DISK_BYTES:
        sys.exit(f"bench: {free >> 20} MiB free in {CACHE} are too few for {options.events} events; see --events")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f"making a store of {options.events} events in {folder.relative_to(ROOT)} (some minutes)", flush=True)
    stream = Stream(options.events, options.batch, seed=1)
    with Daemon(options.build, folder / "store", folder / "ready.json") as daemon:
        sent = post_all(daemon.ready, stream, options.connections)
        daemon.stop()
    if sent["accepted"] != options.events:
        sys.exit(f"bench: {sent['accepted']} events were accepted")
    notes = {"format": FORMAT, "events": options.events, "made": time.time(), **stream.facts}
    (folder / "notes.json").write_text(json.dumps(notes))
    return notes


def find_store(options, folder):
    """The notes of the store from an earlier run; None where there is none that fits."""
    try:
        notes = json.loads((folder / "notes.json").read_text())
    except (OSError, ValueError):
        return None
    fits = notes["format"] == FORMAT and time.time() - notes["made"] < SPAN_S_MAX and not options.fresh
    return notes if fits else None


# --- questions ---


class Question:
    """One row of the table: a command line, a check of its answer, and the bar it is held to."""

    def __init__(self, name, bar_s, arguments, check):
        self.name, self.bar_s, self.arguments, self.check = name, bar_s, arguments, check


def items(answer):
    return json.loads(answer)["items"]


def moments(answer):
    return [moment for timeline in json.loads(answer)["timelines"] for moment in timeline["moments"]]


def questions(notes):
    events = notes["events"]
    return (
        Question("show ID", 0.050, ["show", notes["id"], "-o", "json"],
                 lambda answer: json.loads(answer)["id"] == notes["id"]),
        Question("timeline SESSION", 0.100, ["timeline", notes["session"], "-o", "json"],
                 lambda answer: len(moments(answer)) == notes["in_session"]),
        Question("stats --by server,tool", 1.5, ["stats", "--by", "server,tool", "-o", "json"],
                 lambda answer: sum(item["count"] for item in items(answer)) == events
                 and len(items(answer)) == notes["groups"]),
        Question("a rare phrase", 1.5, ["search", f'"{RARE}"', "-n", "0", "-o", "json"],
                 lambda answer: len(items(answer)) == notes["rare"]),
        Question("a phrase of common words", 1.5, ["search", f'"{COMMON}"', "-n", "0", "-o", "json"],
                 lambda answer: len(items(answer)) == notes["common"]),
    )


def run_cli(options, arguments, out=subprocess.PIPE, watch=False):
    """(answer, wall seconds, CPU seconds, peak RssAnon in KiB) of one process of the command line."""
    begin = time.perf_counter()
    command = [options.build / "query/mcpledger", "-q", *arguments]
    process = subprocess.Popen(command, stdout=out, env=clean_environment())
    sampler = Sampler(process.pid) if watch else None
    if sampler:
        sampler.start()
    answer = process.stdout.read() if out == subprocess.PIPE else b""
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if sampler:
        sampler.done.set()
    if process.returncode > 1:
        sys.exit(f"bench: {' '.join(map(str, arguments))} ended with {process.returncode}")
    return answer, wall, usage.ru_utime + usage.ru_stime, sampler.peak_kib if sampler else 0


def check(question, answer):
    if not question.check(answer):
        sys.exit(f"bench: {question.name} gave a wrong answer: {answer[:500]!r}")


def spread(values):
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


def row_of(name, bar_s, walls, cpus):
    median = statistics.median(walls)
    return {"name": name, "unit": "s", "wall": spread(walls), "cpu": spread(cpus), "bar": bar_s,
            "kept": median <= bar_s if bar_s else None}


def ask_cli(options, where, notes, suffix=""):
    for question in questions(notes):
        arguments = [*where, *question.arguments]
        check(question, run_cli(options, arguments)[0])
        timed = [run_cli(options, arguments) for _ in range(options.runs)]
        yield row_of(question.name + suffix, question.bar_s, [run[1] for run in timed], [run[2] for run in timed])


def request(daemon, path):
    """(status, body) of a GET; the body is read whole."""
    host, port = daemon.ready["http"].rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port), timeout=CLI_SECONDS_MAX)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def ask_api(options, daemon, notes):
    """The read API's own paths, over a connection of its own for each; CPU is the daemon's."""
    paths = (
        ("GET /events/ID", 0.050, f"/api/v1/events/{quote(notes['id'])}"),
        ("GET /timeline", 0.100, "/api/v1/timeline?" + urlencode({"id": notes["session"]})),
        ("GET /stats", 1.5, "/api/v1/stats?" + urlencode({"by": "server,tool"})),
        ("GET /events, rare", 1.5, "/api/v1/events?" + urlencode({"q": f'"{RARE}"', "limit": 10000})),
        ("GET /events, common", 1.5, "/api/v1/events?" + urlencode({"q": f'"{COMMON}"', "limit": 10000})),
    )
    for name, bar_s, path in paths:
        walls, cpus = [], []
        for number in range(options.runs + 1):
            before, begin = daemon.cpu_seconds(), time.perf_counter()
            status, body = request(daemon, path)
            wall = time.perf_counter() - begin
            if status != 200:
                sys.exit(f"bench: {name} answered {status}: {body[:300]!r}")
            if number > 0:
                walls.append(wall)
                cpus.append(daemon.cpu_seconds() - before)
        yield row_of(name, bar_s, walls, cpus)


# --- export ---


def export_rows(options, where, notes, name="export"):
    """Events a second into /dev/null, with the process's memory; once into a pipe, to count them."""
    with subprocess.Popen([options.build / "query/mcpledger", *where, "export"], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, env=clean_environment()) as process:
        lines = sum(piece.count(b"\n") for piece in iter(lambda: process.stdout.read(1 << 20), b""))
    if process.returncode != 0 or lines < notes["events"]:
        sys.exit(f"bench: export ended with {process.returncode} after {lines} events")
    timed = [run_cli(options, [*where, "export"], out=subprocess.DEVNULL, watch=True)
             for _ in range(options.export_runs)]
    rates = [lines / run[1] for run in timed]
    cpus = [run[2] / lines * 1e6 for run in timed]
    yield {"name": name, "unit": "events/s", "wall": spread(rates), "cpu_us_per_event": spread(cpus), "bar": 300_000,
           "kept": statistics.median(rates) >= 300_000}
    memory = [run[3] / 1024 for run in timed]
    yield {"name": f"{name}, RssAnon", "unit": "MiB", "wall": spread(memory), "bar": 128, "kept": max(memory) <= 128}


# --- ingest while a query runs ---


class Asking(threading.Thread):
    """Asks one question after the other, as new processes, until told to stop."""

    def __init__(self, options, where):
        super().__init__(daemon=True)
        self.options, self.where = options, where
        self.done = threading.Event()
        self.asked = 0

    def run(self):
        while not self.done.is_set():
            run_cli(self.options, [*self.where, "stats", "--by", "server,tool", "-o", "json"])
            self.asked += 1


def post_some(options, daemon, bodies):
    sent = post_all(daemon.ready, bodies, options.connections)
    return sent["accepted"] / sent["seconds"]


def ingest_rows(options, folder):
    """The daemon's rate on a copy of the store, in turns alone and while stats runs over all of it."""
    copy = folder / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder / "store", copy)
    rates = collections.defaultdict(list)
    try:
        with Daemon(options.build, copy, folder / "ready.json") as daemon:
            ways = {"alone": None, "--data": ["--data", copy], "--url": ["--url", daemon.url]}
            for turn in range(options.ingest_runs):
                for number, (way, where) in enumerate(ways.items()):
                    seed = 1000 + turn * len(ways) + number
                    bodies = list(Stream(options.ingest_events, options.batch, seed))
                    asking = Asking(options, where) if where else None
                    if asking:
                        asking.start()
                    rates[way].append(post_some(options, daemon, bodies))
                    if asking:
                        asking.done.set()
                        asking.join()
            daemon.stop()
    finally:
        shutil.rmtree(copy, ignore_errors=True)
    alone = statistics.median(rates["alone"])
    yield {"name": "ingest alone", "unit": "events/s", "wall": spread(rates["alone"]), "bar": None, "kept": None}
    for way in ("--data", "--url"):
        yield {"name": f"ingest beside stats {way}", "unit": "events/s", "wall": spread(rates[way]), "bar": 0.8 * alone,
               "kept": statistics.median(rates[way]) >= 0.8 * alone}


# --- the table ---


def shown(value, unit):
    if value is None:
        return "-"
    return {"s": f"{value * 1e3:.0f} ms", "MiB": f"{value:.0f} MiB"}.get(unit, f"{value:,.0f}/s")


def print_row(row):
    cpu = f"{row['cpu']['median'] * 1e3:.0f} ms" if "cpu" in row else "-"
    if "cpu_us_per_event" in row:
        cpu = f"{row['cpu_us_per_event']['median']:.2f} us/ev"
    figures = [shown(row["wall"][key], row["unit"]) for key in ("min", "median", "max")]
    verdict = {True: "kept", False: "MISSED", None: ""}[row["kept"]]
    print(f"{row['name']:<34}" + "".join(f"{cell:>13}" for cell in [*figures, cpu, shown(row["bar"], row["unit"])])
          + f"  {verdict}", flush=True)


def print_all(rows):
    kept = []
    for row in rows:
        print_row(row)
        kept.append(row)
    return kept


def main():
    parser = argparse.ArgumentParser(prog="./dev bench query", description="What questions cost on a large store")
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--fresh", action="store_true", help="make the store anew")
    parser.add_argument("--runs", type=int, default=5, help="timed runs of each question (5)")
    parser.add_argument("--export-runs", type=int, default=3)
    parser.add_argument("--ingest-runs", type=int, default=3, help="0: leave out ingest beside queries")
    parser.add_argument("--ingest-events", type=int, default=400_000, help="sent in each turn (400000)")
    parser.add_argument("--batch", type=int, default=500, help="events a request body (500)")
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--json", type=Path, default=CACHE / "query.json", help="where the figures go as JSON")
    options = parser.parse_args()

    CACHE.mkdir(parents=True, exist_ok=True)
    folder = CACHE / f"query-{options.events}"
    notes = find_store(options, folder) or make_store(options, folder)
    size = disk_bytes(folder / "store")
    print(f"{notes['events']} events, {size / notes['events']:.1f} bytes each on disk; {os.cpu_count()} processors, "
          f"load {os.getloadavg()[0]:.1f}")
    print(f"{'':<34}" + "".join(f"{title:>13}" for title in ("min", "median", "max", "CPU", "bar")))
    where = ["--data", folder / "store"]
    rows = print_all(ask_cli(options, where, notes))
    rows += print_all(export_rows(options, where, notes))
    with Daemon(options.build, folder / "store", folder / "ready.json") as daemon:
        rows += print_all(ask_cli(options, ["--url", daemon.url], notes, " --url"))
        rows += print_all(ask_api(options, daemon, notes))
        rows += print_all(export_rows(options, ["--url", daemon.url], notes, "export --url"))
        daemon.stop()
    if options.ingest_runs > 0:
        rows += print_all(ingest_rows(options, folder))
    options.json.write_text(json.dumps({"events": notes["events"], "bytes": size, "rows": rows}, indent=2) + "\n")
    missed = [row["name"] for row in rows if row["kept"] is False]
    print(f"missed: {', '.join(missed)}" if missed else "every bar is kept")


if __name__ == "__main__":
    main()
