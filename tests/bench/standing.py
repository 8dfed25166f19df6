"""Rows about a daemon with a large store: memory under load, ingest beside readers, the start after kill -9."""

import json
import shutil
import subprocess
import threading
import time

from daemon import Daemon, Sampler, clean_environment, disk_bytes, post, stop_with
from questions import EVENT_DISK_BYTES, SPARE_BYTES
from table import AT_LEAST, Row

MEMORY_MIB_MAX = 256
RATE_SHARE = 0.8
GROWTH_MAX = 1.5
READY_S_MAX = 1.0
READER_SECONDS_MAX = 600


class Reader(threading.Thread):
    """Runs one question after the other, as new processes, until told to stop."""

    def __init__(self, build, arguments):
        super().__init__(daemon=True)
        self.command = [str(word) for word in (build / "query/mcpledger", "-q", *arguments)]
        self.done, self.asked, self.process = threading.Event(), 0, None

    def run(self):
        while not self.done.is_set():
            with subprocess.Popen(self.command, stdout=subprocess.DEVNULL, env=clean_environment()) as self.process:
                status = self.process.wait(READER_SECONDS_MAX)
            if status == 0:
                self.asked += 1
            elif not self.done.is_set():
                stop_with(f"{' '.join(self.command)} ended with {status}")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        """An export of all takes longer than what it stands beside: it is broken off."""
        self.done.set()
        if self.process:
            self.process.terminate()
        self.join()


class Copy:
    """A copy of the large store, removed at the end: what is added is not to stay in it."""

    def __init__(self, bench):
        self.folder = bench.large_store.parent / "copy"
        if shutil.disk_usage(self.folder.parent).free < bench.large_corpus.events * EVENT_DISK_BYTES + SPARE_BYTES:
            stop_with(f"too little is free in {self.folder.parent} for a copy of the store")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        self.store = self.folder / "store"
        shutil.copytree(bench.large_store, self.store)

    def __enter__(self):
        return self.store

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)


class Rounds:
    """Posts the corpus of bench.corpus again and again, each time with ids that were never sent."""

    def __init__(self, bench, daemon):
        self.bench, self.daemon, self.sent = bench, daemon, 0

    def post(self):
        """(events a second, bytes that the store grew an event)"""
        before = disk_bytes(self.daemon.data)
        self.sent += 1
        sent = post(self.bench.build, self.daemon.address, self.bench.corpus, first_round=self.sent)
        if sent["accepted"] != self.bench.corpus.events:
            stop_with(f"{sent['accepted']} events were accepted")
        return sent["accepted"] / sent["seconds"], (disk_bytes(self.daemon.data) - before) / sent["accepted"]


def beside_rows(bench):
    """In turns: alone, and beside each reader; the memory of the daemon while the API is asked."""
    memory = Row("full ingest while a query runs: RssAnon", "MiB", MEMORY_MIB_MAX)
    mapped = Row("full ingest while a query runs: mapped", "MiB", note="page cache of the store's file")
    alone = Row("ingest alone, beside nothing", "/s", sense=AT_LEAST)
    with Copy(bench) as store, Daemon(bench.build, store, bench.options.set) as daemon:
        usual = disk_bytes(store) / bench.large_corpus.events
        stats = ["stats", "--by", "server,tool", "-o", "json"]
        readers = {"export --data": ["--data", store, "export"], "export --url": ["--url", daemon.url, "export"],
                   "stats --data": ["--data", store, *stats], "stats --url": ["--url", daemon.url, *stats]}
        shares = {name: Row(f"ingest beside {name}: share of alone", "x", RATE_SHARE, AT_LEAST) for name in readers}
        growth = {name: Row(f"ingest beside {name}: growth of the file", "x", GROWTH_MAX) for name in list(readers)[:2]}
        rounds = Rounds(bench, daemon)
        for _ in range(bench.options.runs):
            for name, arguments in readers.items():
                rate, _ = rounds.post()
                alone.add(rate)
                with Reader(bench.build, arguments) as reader, Sampler(daemon.pid) as sampler:
                    beside, grown_beside = rounds.post()
                shares[name].add(beside / rate)
                if name in growth:
                    growth[name].add(grown_beside / usual)
                    growth[name].note = f"{grown_beside:.0f} B an event beside it; the store has {usual:.0f}"
                if name == "stats --url":
                    memory.add(sampler.anon_mib)
                    mapped.add(sampler.file_mib)
                    memory.note = f"{reader.asked} queries meanwhile"
        daemon.stop()
    yield from (memory, mapped, alone, *shares.values(), *growth.values())


def accepted_of(daemon, lines):
    status, answer = daemon.request("/v1/events", "".join(lines).encode())
    if status != 200:
        stop_with(f"events posted again were answered {status}")
    return json.loads(answer)


def restart_rows(bench):
    """kill -9 right after an answer, then the time to ready; what was acknowledged is a duplicate."""
    events = bench.large_corpus.events
    ready = Row(f"kill -9 with {events:,} events: start until ready", "s", READY_S_MAX, scaled=True)
    known = Row("kill -9: acknowledged, not known as duplicates", "events", 0)
    again = bench.large_corpus.facts["again"]
    with Copy(bench) as store:
        for number in range(bench.options.runs):
            with Daemon(bench.build, store, bench.options.set) as daemon:
                post(bench.build, daemon.address, bench.corpus, events=5000, first_round=100 + number)
                daemon.kill()
            begin = time.perf_counter()
            with Daemon(bench.build, store, bench.options.set) as daemon:
                ready.add(time.perf_counter() - begin, bench.speed.now())
                ready.note = f"CPU {sum(daemon.begun) * 1e3:.0f} ms"
                answer = accepted_of(daemon, again)
                fresh = post(bench.build, daemon.address, bench.corpus, events=5000, first_round=100 + number)
                known.add(answer["accepted"] + fresh["accepted"])
                daemon.stop()
    known.note = f"{len(again)} of the window's both ends, 5000 sent before the kill"
    yield from (ready, known)
