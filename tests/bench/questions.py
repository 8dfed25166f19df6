"""Rows about what questions cost on a large store: the command line on its directory, the daemon's API, the peers.

"Cold" is a new process with a warm page cache.  What a question must find was counted while the corpus was made; a
wrong answer ends the run.
"""

import json
import shutil
import statistics
import subprocess
import time
from urllib.parse import quote, urlencode

import corpus as corpora
from daemon import Daemon, clean_environment, disk_bytes, post, run_cli, stop_with
from ingest import bytes_bar
from table import AT_LEAST, Row

EVENT_DISK_BYTES, SPARE_BYTES = 110, 2 << 30
P99_OFF_MAX = 0.01
EXPORT_RATE, EXPORT_ANON_MIB = 300_000, 128


def make_store(bench, corpus, folder):
    """A store of the whole corpus, made once and kept as long as the corpus."""
    notes = folder / "notes.json"
    if notes.exists() and json.loads(notes.read_text()) == corpus.facts["made"]:
        return folder / "store"
    if shutil.disk_usage(folder.parent).free < corpus.events * EVENT_DISK_BYTES * 2 + SPARE_BYTES:
        stop_with(f"too little is free in {folder.parent} for a store of {corpus.events} events; see --store-events")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f"making a store of {corpus.events} events in {folder.name}", flush=True)
    with Daemon(bench.build, folder / "store") as daemon:
        sent = post(bench.build, daemon.address, corpus)
        daemon.stop()
    if sent["accepted"] != corpus.events:
        stop_with(f"{sent['accepted']} events were accepted")
    notes.write_text(json.dumps(corpus.facts["made"]))
    return folder / "store"


# --- the five questions ---


class Question:
    """One question: how the command line and the API are asked, its bars there, and what is right."""

    def __init__(self, key, name, words, path, bars, check):
        self.key, self.name, self.words, self.path, self.bars, self.check = key, name, words, path, bars, check


def items(answer):
    return json.loads(answer)["items"]


def moments(answer):
    return [moment for timeline in json.loads(answer)["timelines"] for moment in timeline["moments"]]


def has_right_p99(answer, facts):
    """Each group is there with its p99, as near as `stats --help` promises."""
    found = {" ".join(item["by"].values()): item["p99_ns"] for item in items(answer)}
    right = facts["p99_ns"]
    return found.keys() == right.keys() and \
        all(abs(found[group] - right[group]) <= right[group] * P99_OFF_MAX for group in right)


def questions(corpus):
    facts, error, sql = corpus.facts, f"error.type:{corpora.ERROR_TYPE}", f'request.sql:"{corpus.phrase}"'
    return (
        Question("p99", "p99 by (server, tool)", ["stats", "--by", "server,tool"],
                 "/api/v1/stats?" + urlencode({"by": "server,tool"}), (0.4, 0.4),
                 lambda answer: has_right_p99(answer, facts)),
        Question("errors", "count of one error type", ["count", error],
                 "/api/v1/count?" + urlencode({"q": error}), (0.050, 0.050),
                 lambda answer: items(answer) == [{"count": facts["errors"]}]),
        Question("phrase", "a phrase in SQL parameters, counted", ["count", sql],
                 "/api/v1/count?" + urlencode({"q": sql}), (0.250, 0.250),
                 lambda answer: items(answer) == [{"count": facts["phrase_words"]}]),
        Question("id", "event by id", ["show", facts["id"]], f"/api/v1/events/{quote(facts['id'])}", (None, 0.005),
                 lambda answer: json.loads(answer)["id"] == facts["id"]),
        Question("session", "session timeline", ["timeline", facts["session"]],
                 "/api/v1/timeline?" + urlencode({"id": facts["session"]}), (None, 0.030),
                 lambda answer: len(moments(answer)) == facts["in_session"]),
    )


def ask_cli(bench, question, where):
    answer, wall, cpu, _ = run_cli(bench.build, [*where, *question.words, "-o", "json"])
    return answer, wall, cpu


def ask_api(daemon, question):
    before, begin = daemon.cpu_seconds(), time.perf_counter()
    status, answer = daemon.request(question.path)
    wall = time.perf_counter() - begin
    if status != 200:
        stop_with(f"{question.path} answered {status}: {answer[:300]!r}")
    return answer, wall, daemon.cpu_seconds() - before


def measure(bench, row, question, ask):
    """Asks once to warm up and check, then bench.options.question_runs times."""
    answer = ask()[0]
    if not question.check(answer):
        stop_with(f"{question.name}: a wrong answer: {answer[:500]!r}")
    cpus = []
    for _ in range(bench.options.question_runs):
        _, wall, cpu = ask()
        row.add(wall, bench.speed.now())
        cpus.append(cpu)
    row.note = f"CPU {statistics.median(cpus) * 1e3:.0f} ms"


def add_peers(row, question, peers, has_bar):
    """What each peer needed for the question, and what was wrong with its answer."""
    for name, answers in peers.items():
        walls, note = answers[question.key]
        for wall in walls:
            row.add_peer(name, wall)
        if has_bar:
            row.peer_bars[name] = 1
        row.note += f"; {name}: {note}" if note else ""
    return row


def question_rows(bench):
    corpus, store = bench.large_corpus, bench.large_store
    size = Row(f"bytes on disk an event, the large store of {corpus.events:,}", "B", bytes_bar(corpus.events))
    size.add(disk_bytes(store) / corpus.events)
    yield size
    peers = {peer.name: peer.ask(bench, corpus) for peer in bench.peers}
    for question in questions(corpus):
        row = Row(f"{question.name}, command line", "s", question.bars[0], scaled=True)
        measure(bench, row, question, lambda question=question: ask_cli(bench, question, ["--data", store]))
        yield add_peers(row, question, peers, has_bar=False)
    with Daemon(bench.build, store) as daemon:
        for question in questions(corpus):
            row = Row(f"{question.name}, API", "s", question.bars[1], scaled=True)
            measure(bench, row, question, lambda question=question: ask_api(daemon, question))
            yield add_peers(row, question, peers, has_bar=True)
        daemon.stop()


# --- export ---


def count_lines(bench, arguments):
    with subprocess.Popen([str(word) for word in (bench.build / "query/mcpledger", "-q", *arguments)],
                          stdout=subprocess.PIPE, env=clean_environment()) as process:
        lines = sum(piece.count(b"\n") for piece in iter(lambda: process.stdout.read(1 << 20), b""))
    if process.returncode != 0:
        stop_with(f"{arguments[-1]} ended with {process.returncode}")
    return lines


def export_rows(bench):
    """Events a second into /dev/null, with the process's memory; once into a pipe, to count them."""
    store = bench.large_store
    with Daemon(bench.build, store) as daemon:
        for name, where in (("export", ["--data", store]), ("export --url", ["--url", daemon.url])):
            lines = count_lines(bench, [*where, "export"])
            if lines < bench.large_corpus.events:
                stop_with(f"{name} gave {lines} events")
            rate = Row(name, "/s", EXPORT_RATE, AT_LEAST, scaled=True)
            memory = Row(f"{name}: RssAnon", "MiB", EXPORT_ANON_MIB)
            for _ in range(bench.options.runs):
                _, wall, _, anon_mib = run_cli(bench.build, [*where, "export"], out=subprocess.DEVNULL, watch=True)
                rate.add(lines / wall, bench.speed.now())
                memory.add(anon_mib)
            yield from (rate, memory)
        daemon.stop()
