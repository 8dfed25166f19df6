"""ClickHouse in a process of its own, run by peers.py with the Python that has chdb: inserts a corpus, or is asked.

The table is what one would make for such events: sorted by server, tool and time, ids as bytes, names with
dictionaries, ZSTD(3) for the rest.
"""

import json
import resource
import sys
import time

from chdb.session import Session

LOW = "LowCardinality(String)"
ZSTD = "CODEC(ZSTD(3))"
COLUMNS = {  # name: (type, where it comes from)
    "kind": (LOW, "kind"), "action": (LOW, "action"), "id": ("UUID", "toUUID(id)"),
    "time": ("Int64 CODEC(Delta, ZSTD(3))", "time"), "duration_ns": (f"Int64 {ZSTD}", "duration_ns"),
    "tenant": (LOW, "tenant"), "observer_role": (LOW, "observer.role"), "observer": (LOW, "observer.name"),
    "server": (LOW, "server.name"), "server_version": (LOW, "server.version"), "client": (LOW, "client.name"),
    "client_version": (LOW, "client.version"), "user": (LOW, "user.id"), "user_kind": (LOW, "user.kind"),
    "user_trust": (LOW, "user.trust"), "session": (f"UUID {ZSTD}", "toUUID(session_id)"),
    "trace": ("FixedString(16)", "unhex(trace_id)"), "span": ("FixedString(8)", "unhex(span_id)"),
    "request_id": (f"String {ZSTD}", "request_id"), "target_type": (LOW, "target.type"), "tool": (LOW, "target.name"),
    "http_status": ("UInt16", "outcome.http_status"), "tool_error": ("Bool", "outcome.tool_error"),
    "request": (f"String {ZSTD}", "request"), "error_type": (LOW, "error.type"),
    "error_message": (LOW, "error.message"), "error_stack": (f"String {ZSTD}", "error.stack"),
}
SENT = ("kind String, action String, id String, time Int64, duration_ns Int64, tenant String, "
        "observer Tuple(role String, name String), server Tuple(name String, version String), "
        "client Tuple(name String, version String), user Tuple(id String, kind String, trust String), "
        "session_id String, trace_id String, span_id String, request_id String, "
        "target Tuple(type String, name String), outcome Tuple(http_status UInt16, tool_error Bool), request String, "
        "error Tuple(type String, message String, stack String)")


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def rows(session, query):
    return [json.loads(line) for line in str(session.query(query, "JSONEachRow")).splitlines()]


def insert(session, wanted):
    columns = ", ".join(f"{name} {type_}" for name, (type_, _) in COLUMNS.items())
    session.query(f"CREATE TABLE events ({columns}) ENGINE = MergeTree ORDER BY (server, tool, time)")
    before, begin = cpu_seconds(), time.perf_counter()
    sources = ", ".join(source for _, source in COLUMNS.values())
    session.query(f"INSERT INTO events SELECT {sources} FROM file('{wanted['source']}', 'JSONEachRow', '{SENT}') "
                  "SETTINGS input_format_json_read_objects_as_strings = 1")
    done = {"cpu_s": cpu_seconds() - before, "seconds": time.perf_counter() - begin}
    if wanted.get("merge"):
        session.query("OPTIMIZE TABLE events FINAL")
    size = "SELECT sum(bytes_on_disk) AS bytes FROM system.parts WHERE active AND table = 'events'"
    return {**done, "bytes": int(rows(session, size)[0]["bytes"])}


def ask(session, wanted):
    """{question: [[seconds], what was found]}"""
    questions = {
        "p99": ("SELECT server, tool, quantile(0.99)(duration_ns) AS p99 FROM events GROUP BY server, tool",
                lambda found: {f"{row['server']} {row['tool']}": row["p99"] for row in found}),
        "errors": ("SELECT count() AS n FROM events WHERE error_type = 'TimeoutError'",
                   lambda found: int(found[0]["n"])),
        "phrase": (f"SELECT count() AS n FROM events WHERE request LIKE '%{wanted['phrase']} %'",
                   lambda found: int(found[0]["n"])),
        "id": (f"SELECT * EXCEPT (trace, span) FROM events WHERE id = '{wanted['id']}'", len),
        "session": (f"SELECT * EXCEPT (trace, span) FROM events WHERE session = '{wanted['session']}' ORDER BY time",
                    len),
    }
    answers = {}
    for key, (query, read) in questions.items():
        found, walls = read(rows(session, query)), []
        for _ in range(wanted["runs"]):
            begin = time.perf_counter()
            session.query(query, "JSONEachRow")
            walls.append(time.perf_counter() - begin)
        answers[key] = [walls, found]
    return answers


def main():
    wanted = json.loads(sys.argv[1])
    session = Session(wanted["data"])
    print(json.dumps({"insert": insert, "ask": ask}[wanted["verb"]](session, wanted)))


if __name__ == "__main__":
    main()
