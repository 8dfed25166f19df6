"""The peers of the table, with the same events and questions: VictoriaLogs (a binary), ClickHouse (chdb from PyPI)."""

import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import urlencode

from daemon import CACHE, ROOT, Server, clean_environment, disk_bytes, post, stop_with
from ingest import Scratch

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
CHILD = Path(__file__).with_name("clickhouse_child.py")
CHILD_SECONDS_MAX = 7200
FORM = "application/x-www-form-urlencoded"
P99_OFF_MAX = 0.05
SPARE_BYTES, EVENT_DISK_BYTES = 4 << 30, 300


def wrong(key, answer, facts):
    """What a peer's answer has otherwise than the corpus; an empty text when nothing."""
    right = {"errors": (facts["errors"],), "phrase": (facts["phrase_exact"], facts["phrase_words"]), "id": (1,),
             "session": (facts["in_session"],)}
    if key != "p99":
        return "" if answer in right[key] else f"found {answer}, not {right[key][0]}"
    truth = facts["p99_ns"]
    if answer.keys() != truth.keys():
        return f"{len(answer)} groups, not {len(truth)}"
    off = max(abs(answer[group] / truth[group] - 1) for group in truth)
    return f"p99 up to {off * 100:.0f} % off" if off > P99_OFF_MAX else ""


def kept_folder(name, bench, corpus):
    """(the folder of a peer's own store of the corpus, whether it is there whole)"""
    folder = bench.options.folder / f"{name}-{corpus.events}"
    notes = folder / "notes.json"
    if notes.exists() and json.loads(notes.read_text()) == corpus.facts["made"]:
        return folder, True
    if shutil.disk_usage(bench.options.folder).free < corpus.events * EVENT_DISK_BYTES + SPARE_BYTES:
        stop_with(f"too little is free in {bench.options.folder} for {corpus.events} events in {name}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder, False


# --- VictoriaLogs ---


class VictoriaServer(Server):
    def __init__(self, binary, data):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        super().__init__([binary, f"-httpListenAddr={address}", f"-storageDataPath={data}", "-retentionPeriod=100y",
                          "-loggerLevel=ERROR", "-http.connTimeout=24h"], clean_environment())
        self.address = address

    def is_healthy(self):
        try:
            return self.request("/health")[0] == 200
        except OSError:
            return False

    def wait_until_ready(self):
        self.poll(self.is_healthy)

    def flush(self):
        if self.request("/internal/force_flush")[0] != 200:
            stop_with("VictoriaLogs did not flush")

    def ask(self, query):
        status, answer = self.request("/select/logsql/query", urlencode({"query": query}), FORM)
        if status != 200:
            stop_with(f"VictoriaLogs answered {status}: {answer[:300]!r}")
        return [json.loads(line) for line in answer.splitlines()]


class VictoriaLogs:
    name = "victoria-logs"
    target = "/insert/jsonline?_stream_fields=server.name,target.name&_time_field=time&_msg_field=action"

    def __init__(self, binary):
        self.binary = Path(binary)
        if not os.access(self.binary, os.X_OK):
            stop_with(f"--peer victoria-logs={binary}: no such program")

    def take_in(self, bench, batch):
        """Figures of posting the corpus into a new store."""
        with Scratch(bench.options) as folder, VictoriaServer(self.binary, folder / "data") as server:
            post(bench.build, server.address, bench.corpus, batch=batch, target=self.target)
            server.flush()
            cpu = server.stop()
            return {"cpu_us": cpu / bench.corpus.events * 1e6,
                    "disk_bytes": disk_bytes(folder / "data") / bench.corpus.events}

    def make_store(self, bench, corpus):
        folder, there = kept_folder(self.name, bench, corpus)
        if not there:
            print(f"giving {corpus.events} events to VictoriaLogs", flush=True)
            with VictoriaServer(self.binary, folder / "data") as server:
                post(bench.build, server.address, corpus, target=self.target)
                server.flush()
                server.stop()
            (folder / "notes.json").write_text(json.dumps(corpus.facts["made"]))
        return folder / "data"

    def ask(self, bench, corpus):
        """{question: ([seconds], what was wrong)}"""
        facts, error = corpus.facts, "error.type:=TimeoutError"
        queries = {
            "p99": ("* | stats by (server.name, target.name) quantile(0.99, duration_ns) p99, count() events",
                    lambda rows: {f"{row['server.name']} {row['target.name']}": float(row["p99"]) for row in rows}),
            "errors": (f"{error} | stats count() events", lambda rows: int(rows[0]["events"])),
            "phrase": (f'request.sql:"{corpus.phrase}" | stats count() events', lambda rows: int(rows[0]["events"])),
            "id": (f'id:="{facts["id"]}"', len),
            "session": (f'session_id:="{facts["session"]}" | sort by (_time)', len),
        }
        asked = {}
        with VictoriaServer(self.binary, self.make_store(bench, corpus)) as server:
            for key, (query, read) in queries.items():
                note, walls = wrong(key, read(server.ask(query)), facts), []
                for _ in range(bench.options.question_runs):
                    begin = time.perf_counter()
                    server.ask(query)
                    walls.append(time.perf_counter() - begin)
                asked[key] = (walls, note)
            server.stop()
        return asked


# --- ClickHouse ---


class ClickHouse:
    name = "clickhouse"

    def __init__(self):
        folder = CACHE.parent / "chdb"
        self.python = folder / "bin/python"
        made = folder / REQUIREMENTS.name
        if made.exists() and made.read_bytes() == REQUIREMENTS.read_bytes():
            return
        print("installing chdb into .cache/chdb", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["/usr/bin/python3", "-m", "venv", folder], check=True)
        subprocess.run([self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                        "--require-hashes", "--no-deps", "-r", REQUIREMENTS], check=True)
        shutil.copy(REQUIREMENTS, made)

    def run(self, verb, corpus, data, **more):
        """One process of the engine; the answer is one JSON object."""
        wanted = {"verb": verb, "source": str(corpus.path), "data": str(data), "id": corpus.facts["id"],
                  "session": corpus.facts["session"], "phrase": corpus.phrase, **more}
        done = subprocess.run([self.python, CHILD, json.dumps(wanted)], stdout=subprocess.PIPE,
                              timeout=CHILD_SECONDS_MAX, cwd=ROOT, env=clean_environment(), check=False)
        if done.returncode != 0:
            stop_with(f"chdb ended with {done.returncode}")
        return json.loads(done.stdout.splitlines()[-1])

    def take_in(self, bench, batch):
        """Figures of one bulk insert; there is nothing smaller to compare with."""
        if batch != 500:
            return None
        with Scratch(bench.options) as folder:
            figures = self.run("insert", bench.corpus, folder / "data")
        return {"cpu_us": figures["cpu_s"] / bench.corpus.events * 1e6,
                "disk_bytes": figures["bytes"] / bench.corpus.events}

    def ask(self, bench, corpus):
        folder, there = kept_folder(self.name, bench, corpus)
        if not there:
            print(f"giving {corpus.events} events to ClickHouse", flush=True)
            self.run("insert", corpus, folder / "data", merge=True)
            (folder / "notes.json").write_text(json.dumps(corpus.facts["made"]))
        answers = self.run("ask", corpus, folder / "data", runs=bench.options.question_runs)
        return {key: (walls, wrong(key, found, corpus.facts)) for key, (walls, found) in answers.items()}
