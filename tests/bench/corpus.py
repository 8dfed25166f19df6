"""A stream of MCP tool calls for benchmarks: about 700 bytes an event, of which 40 are random ids.

Eight hundred people work with five servers; one call in 33 fails with a stack; a session lasts about fifty calls.
"""

import json
import random
import uuid

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


def events(count, end_ns, seed=1):
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


def write(path, count, end_ns, seed=1):
    with open(path, "w", encoding="utf-8") as out:
        for event in events(count, end_ns, seed):
            out.write(json.dumps(event, separators=(",", ":")) + "\n")
