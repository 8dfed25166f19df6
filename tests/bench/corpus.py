"""MCP tool calls for benchmarks: about 700 bytes an event, of which 40 are random ids; files of them, with facts.

Eight hundred people work with five servers; one call in 33 fails with a stack; a session lasts about fifty calls.
"""

import array
import collections
import json
import math
import os
import random
import re
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path

SHARED_DATA = Path(os.environ.get("MCPLEDGER_TEST_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
SHARED_GENERATOR = SHARED_DATA.parent / "tools" / "bench_corpus.py"

WORDS = """
account alert archive backup balance batch build cache change channel checkout cluster commit config contract
customer database deploy draft error export feature filter gateway handbook index invoice issue ledger limit
merge metric migration order package patch payment pipeline policy portal price queue quota region release
report retry review
""".split()

PEOPLE = [f"person{number:03d}@example.org" for number in range(800)]
FAILED_SHARE = 0.03
NEW_SESSION_SHARE = 0.02
SPAN_NS = 6 * 3600 * 10**9
STACK = """Traceback (most recent call last):
  File "/app/tools.py", line {}, in run
    return await backend.send(call)
TimeoutError"""


def _pick(rng, count, between=" "):
    return between.join(rng.choices(WORDS, k=count))


def _file(rng):
    return {"path": f"/data/{_pick(rng, 3, '/')}.md"}


def _sql(rng):
    columns, table, column = _pick(rng, 4, ", "), rng.choice(WORDS), rng.choice(WORDS)
    return {"sql": f"SELECT {columns} FROM {table} WHERE {column} = {rng.randrange(10**5)} LIMIT 50"}


def _issue(rng):
    return {"repository": f"example/{rng.choice(WORDS)}", "number": rng.randrange(10**4), "title": _pick(rng, 6)}


def _message(rng):
    return {"channel": f"#{rng.choice(WORDS)}", "text": _pick(rng, 12)}


SERVERS = {
    "files": (("read_file", "write_file", "list_folder", "find_files"), _file),
    "warehouse": (("run_query", "describe_table", "explain_query"), _sql),
    "billing-db": (("query", "list_tables"), _sql),
    "tracker": (("open_issue", "find_issue", "read_change", "merge_change"), _issue),
    "chat": (("send_message", "list_channels"), _message),
}


def make_events(count, end_ns, seed=1):
    """Yields `count` events as dictionaries, in the order of time; the last is near end_ns."""
    rng = random.Random(seed)
    sessions = {}
    step_ns = max(2, min(SPAN_NS // max(count, 1), 20_000_000) * 2)
    time_ns = end_ns - count * step_ns // 2
    for number in range(count):
        person = rng.choice(PEOPLE)
        if person not in sessions or rng.random() < NEW_SESSION_SHARE:
            sessions[person] = str(uuid.UUID(int=rng.getrandbits(128)))
        server = rng.choice(list(SERVERS))
        tools, arguments = SERVERS[server]
        failed = rng.random() < FAILED_SHARE
        time_ns += rng.randrange(step_ns)
        event = {
            "kind": "tool_call",
            "action": "tools/call",
            "id": str(uuid.UUID(int=rng.getrandbits(128))),
            "time": time_ns,
            "duration_ns": int(rng.lognormvariate(4, 1) * 1e6),
            "tenant": "example",
            "observer": {"role": "server", "name": f"{server}-prod"},
            "server": {"name": server, "version": "2.1.0"},
            "client": {"name": "desktop-agent", "version": "0.9.3"},
            "user": {"id": person, "kind": "human", "trust": "verified"},
            "session_id": sessions[person],
            "trace_id": f"{rng.getrandbits(128):032x}",
            "span_id": f"{rng.getrandbits(64):016x}",
            "request_id": str(number % 1000),
            "target": {"type": "tool", "name": rng.choice(tools)},
            "outcome": {"http_status": 200, "tool_error": failed},
            "request": arguments(rng),
        }
        if failed:
            event["error"] = {
                "type": "TimeoutError",
                "message": "no answer from the backend within 30000 ms",
                "stack": STACK.format(rng.randrange(1, 400)),
            }
        yield event


# --- files of events, and what is in them ---

SHARED = "shared"  # bench_corpus.py, which absolute figures are for; it lies beside the project and may be absent
OWN = "own"
PHRASES = {SHARED: ("orders", "region"), OWN: ("archive", "balance")}  # FROM … WHERE … in SQL
ERROR_TYPE = "TimeoutError"
PACKED_FROM_EVENTS = 2_000_000
PACKED_BYTES, PLAIN_BYTES = 150, 800  # of one event, at most
SPARE_BYTES = 2 << 30
AGE_MAX_S = 12 * 3600  # times should stay near the clock
AGAIN_EVENTS = 500
WINDOW_EVENTS = 3_000_000  # the dedup window holds four million ids
NEEDED = re.compile(rb'"id":"([^"]+)","time":\d+,"duration_ns":(\d+),.*?"server":\{"name":"([^"]+)".*?'
                    rb'"session_id":"([^"]+)".*?"target":\{"type":"tool","name":"([^"]+)"')


def is_packed(path):
    return path.suffix == ".zst"


class Corpus:
    """A file of events; facts: what questions must find in it.  Large ones are packed, and streamed when used."""

    def __init__(self, path, facts):
        self.path, self.facts = path, facts
        self.events = facts["events"]
        self.event_bytes = facts["bytes"] / facts["events"]

    def open(self):
        """A binary file object of its lines."""
        if is_packed(self.path):
            return subprocess.Popen(["zstd", "-dc", self.path], stdout=subprocess.PIPE).stdout
        return open(self.path, "rb")

    @property
    def phrase(self):
        return "FROM {} WHERE {}".format(*PHRASES[self.facts["flavour"]])


def generated(flavour, events, seed):
    """The lines of a corpus as they are made."""
    if flavour == OWN:
        for event in make_events(events, time.time_ns(), seed):
            yield json.dumps(event, separators=(",", ":")).encode() + b"\n"
        return
    with subprocess.Popen([sys.executable, SHARED_GENERATOR, str(events), str(seed)], stdout=subprocess.PIPE) as made:
        yield from made.stdout
    if made.returncode != 0:
        sys.exit(f"bench: {SHARED_GENERATOR.name} ended with {made.returncode}")


def quantile_of(values, share):
    """The smallest value that `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


class Facts:
    """What is in a corpus, counted line by line while it is made."""

    def __init__(self, flavour, events):
        table, column = PHRASES[flavour]
        self.events = events
        self.exact = f"FROM {table} WHERE {column} = ".encode()
        self.words = re.compile(rf'"sql":"[^"]*\bfrom\W+{table}\W+where\W+{column}\b'.encode(), re.I)
        self.error = b'"type":"%s"' % ERROR_TYPE.encode()
        self.durations = collections.defaultdict(lambda: array.array("q"))
        self.sessions, self.found, self.again = collections.Counter(), collections.Counter(), []
        self.middle = (b"", b"")
        self.windows = {max(0, events - WINDOW_EVENTS), max(0, events - AGAIN_EVENTS)}

    def add(self, number, line):
        event_id, duration, server, session, tool = NEEDED.search(line).groups()
        self.durations[server, tool].append(int(duration))
        self.sessions[session] += 1
        self.found["bytes"] += len(line)
        self.found["errors"] += self.error in line
        self.found["phrase_exact"] += self.exact in line
        self.found["phrase_words"] += self.words.search(line) is not None
        if number == self.events // 2:
            self.middle = (event_id, session)
        if any(start <= number < start + AGAIN_EVENTS for start in self.windows):
            self.again.append(line.decode())

    def result(self):
        event_id, session = self.middle
        p99 = {f"{server.decode()} {tool.decode()}": quantile_of(values, 0.99)
               for (server, tool), values in self.durations.items()}
        return {"events": sum(self.sessions.values()), "made": time.time(), "id": event_id.decode(),
                "session": session.decode(), "in_session": self.sessions[session], "p99_ns": p99, "again": self.again,
                **self.found}


def write(path, flavour, events, seed):
    """Makes the file, in a stream; returns its facts."""
    facts = Facts(flavour, events)
    pack = ["zstd", "-q", "-1"] if is_packed(path) else ["cat"]
    with open(path, "wb") as out, subprocess.Popen(pack, stdin=subprocess.PIPE, stdout=out) as packing:
        for number, line in enumerate(generated(flavour, events, seed)):
            facts.add(number, line)
            packing.stdin.write(line)
        packing.stdin.close()
    if packing.returncode != 0:
        sys.exit(f"bench: {pack[0]} could not write the corpus")
    return {"flavour": flavour, "seed": seed, **facts.result()}


def prepare(folder, events, seed, own=False):
    """The corpus of so many events, from an earlier run where one is fresh enough; else it is made."""
    flavour = SHARED if SHARED_GENERATOR.exists() and not own else OWN
    path = folder / f"{flavour}-{seed}-{events}.ndjson{'.zst' if events >= PACKED_FROM_EVENTS else ''}"
    notes = path.with_name(path.name + ".json")
    if notes.exists() and path.exists():
        facts = json.loads(notes.read_text())
        if time.time() - facts["made"] < AGE_MAX_S:
            return Corpus(path, facts)
    folder.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    need = events * (PACKED_BYTES if is_packed(path) else PLAIN_BYTES) + SPARE_BYTES
    if shutil.disk_usage(folder).free < need:
        sys.exit(f"bench: a corpus of {events} events needs {need >> 20} MiB free in {folder}")
    print(f"writing {events} events to {path.name}", flush=True)
    facts = write(path, flavour, events, seed)
    notes.write_text(json.dumps(facts))
    return Corpus(path, facts)
