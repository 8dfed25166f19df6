"""The real traces of the shared data as native events, each as its emitter might have written it."""

import json
import subprocess

SETS = {"toolathlon": "toolathlon_dev.jsonl.zst", "agentdojo": "agentdojo_dev.jsonl.zst",
        "livemcp": "ev_livemcp.jsonl.zst", "tau": "ev_tau.jsonl.zst"}
BASE_NS = 1_795_000_000 * 10**9
STEP_NS = 1_234_567_891


def lines(path):
    return subprocess.run(["zstd", "-dc", str(path)], capture_output=True, check=True).stdout.splitlines()


def read(shared_data, name):
    """[(id, session, JSON text)] of one set, in the order of its file."""
    return [event_of(name, number, json.loads(line)) for number, line in enumerate(lines(shared_data / SETS[name]))]


def event_of(name, number, row):
    session = f"{name}:{row['session']}"
    event_id = f"{name}-{number}"
    event = {
        "kind": "tool_call", "action": "tools/call", "id": event_id, "time": BASE_NS + number * STEP_NS,
        "session_id": session, "server": {"name": row["server"]}, "target": {"type": "tool", "name": row["tool"]},
        "outcome": {"tool_error": bool(row["is_error"])}, "request": row["arguments"], "response": row["result"],
    }
    # Every third with the white space of a pretty printer, every other one escaped to ASCII.
    text = json.dumps(event, ensure_ascii=number % 2 == 0, indent=1 if number % 3 == 0 else None)
    return event_id, session, text.encode()


def as_line(text):
    """Pretty-printed JSON has no newline inside strings: blanks for newlines make it one line of NDJSON."""
    return text.replace(b"\n", b" ")
