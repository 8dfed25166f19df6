"""sessions --and, --then: pieces of work in which two searches find something, against a second computation."""

import json

import ledgerlib
import pytest

KINDS_APART = {"ledger", "heartbeat", "lifecycle", "resource_usage", "credential", "dependency"}

ERRORS = {"tool_error", "rpc_error", "transport_error", "timeout"}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    daemon = ledgerlib.Daemon(tmp_path_factory.mktemp("pairs")).start()
    try:
        daemon.cli("demo", "-q")
        yield daemon
    finally:
        daemon.close()


def unit_of(event):
    for name in ("conversation_id", "session_id", "trace_id"):
        if name in event:
            return name, event[name]
    return None


def expected(events, first, second, in_order):
    """Ids of the pieces of work that have an id, and both kinds of events."""
    found = set()
    times = {}
    for event in events:
        unit = unit_of(event)
        if event["kind"] in KINDS_APART or unit is None:
            continue
        time = event.get("time", event["recv_time"]), event["seq"]
        for which, matches in enumerate((first, second)):
            if matches(event):
                times.setdefault(unit, ([], []))[which].append(time)
    for unit, (firsts, seconds) in times.items():
        if firsts and seconds and (not in_order or min(firsts) < max(seconds)):
            found.add(unit[1])
    return found


def is_config_read(event):
    return "config" in str(event.get("request", {}).get("path", ""))


def is_comment(event):
    return event.get("target", {}).get("name") == "add_comment"


@pytest.mark.parametrize("option", ["--and", "--then"])
@pytest.mark.parametrize(("first", "second"), [
    (("request.path:*config*", is_config_read), ("tool:add_comment", is_comment)),
    (("tool:add_comment", is_comment), ("request.path:*config*", is_config_read)),
    (("verdict:denied", lambda event: event.get("verdict") == "denied"),
     ("verdict:ok", lambda event: event.get("verdict") == "ok")),
    (("effect:read", lambda event: event.get("marks", {}).get("effect", event.get("effect")) == "read"),
     ("verdict:error", lambda event: event.get("verdict") in ERRORS)),
])
def test_pieces_of_work_of_two_searches(demo, option, first, second):
    answer = json.loads(demo.cli("sessions", first[0], option, second[0], "-n", "0", "-o", "json", status=None).stdout)
    wanted = expected([json.loads(line) for line in demo.export()], first[1], second[1], option == "--then")
    assert {item["id"] for item in answer["items"] if not item["inferred"]} == wanted
    for item in answer["items"]:
        assert item["second_events"] > 0 and item["second_first_seq"] <= item["second_last_seq"]


def test_an_inferred_piece_of_work_goes_with_the_same_person_without_an_idle_gap(daemon):
    minute = 60 * 10**9
    start = 1_795_600_000 * 10**9

    def call(user, tool, at):
        return ledgerlib.tool_call(tool, user={"id": user}, time=start + at * minute, server={"name": "fs"})

    daemon.accept([call("ann", "read", 0), call("ann", "send", 20),       # within the gap
                   call("bob", "read", 0), call("bob", "send", 120),      # long after it
                   call("eve", "read", 10), call("eve", "send", 0),       # the other way round
                   call("dan", "read", 0), call("kim", "send", 1)])       # of two people
    def users(option):
        done = daemon.cli("sessions", "tool:read", option, "tool:send", "-o", "ndjson", status=None)
        return sorted(json.loads(line)["who"] for line in done.stdout.splitlines())
    assert users("--and") == ["ann", "eve"]
    assert users("--then") == ["ann"]
    daemon.cli("sessions", "tool:send", "--then", "tool:nothing", status=1)


def test_both_options_at_once_and_a_second_search_that_is_none_are_refused(demo):
    demo.cli("sessions", "--and", "tool:a", "--then", "tool:b", status=2)
    done = demo.cli("sessions", "--then", "tol:b", status=2)
    assert b'did you mean "tool"' in done.stderr
