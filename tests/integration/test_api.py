"""The read API: limits of a query, pages that stay whole while the store changes, and what is no question."""

import contextlib
import http.client
import json
import random
import threading
from urllib.parse import quote, urlencode

import ledgerlib
import pytest

CALLS = "kind:tool_call"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def call(number, **members):
    return ledgerlib.tool_call(id=f"call-{number}", request={"n": number}, **members)


def get(daemon, path, **parameters):
    return daemon.get(f"/api/v1/{path}?{urlencode(parameters)}")


def problem(answer, status):
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/problem+json"
    found = answer.json()
    assert found["status"] == status and found["title"] and found["type"]
    return found


def records(daemon):
    found = daemon.cli_on_store("search", "op:query", "-o", "ndjson", "-n", "0", status=None).stdout
    return [json.loads(line)["detail"] for line in found.splitlines()]


def hits(daemon, limit):
    return daemon.metric("mcpledger_http_limit_hits_total", limit=limit)


# --- limits ---


def sealed(daemon, calls):
    """The same daemon started again, so that its calls are in blocks of at most 8,192."""
    for start in range(0, calls, 2000):
        daemon.accept([call(n) for n in range(start, min(calls, start + 2000))])
    daemon.stop()
    return daemon.start()


def test_a_query_that_looks_at_too_much_is_told_the_limit(make_daemon):
    daemon = sealed(make_daemon(settings={"query.rows_max": "1000"}), 12_000)
    told = problem(get(daemon, "search", q="user:nobody OR request.n:5", limit=0), 422)
    assert told["limit"] == "query.rows_max"
    assert "1000 events" in told["detail"] and "since" in told["detail"]
    assert hits(daemon, "query.rows_max") == 1
    record = ledgerlib.wait_until(lambda: records(daemon), "the record")[-1]
    assert (record["outcome"], record["limit"]) == ("limit", "query.rows_max")
    assert int(record["rows"]) > 1000
    assert get(daemon, "events/call-5").status == 200
    done = daemon.cli("search", "user:nobody OR request.n:5", "-n", "0", status=3)
    assert b"1000 events" in done.stderr and b"query.rows_max" in done.stderr


def test_an_answer_that_is_too_long_is_never_taken_for_a_whole_one(make_daemon):
    daemon = make_daemon(settings={"query.bytes_max": "1MiB"})
    for start in range(0, 100, 20):
        daemon.accept([ledgerlib.tool_call(request={"n": n, "text": "x" * 30_000}) for n in range(start, start + 20)])
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        get(daemon, "search", q=CALLS, limit=0, output="ndjson")
    assert hits(daemon, "query.bytes_max") == 1
    record = ledgerlib.wait_until(lambda: records(daemon), "the record")[-1]
    assert (record["outcome"], record["limit"]) == ("limit", "query.bytes_max")
    done = daemon.cli("search", CALLS, "-n", "0", "-o", "ndjson", status=3)
    assert b"query.bytes_max" in done.stderr
    assert get(daemon, "search", q=CALLS, limit=5, output="ndjson").status == 200
    assert len(get(daemon, "export").body) > 3_000_000  # has no limit
    assert daemon.cli("export").stdout.count(b"\n") >= 100


def test_a_query_on_record_says_who_asked_what_and_how_it_went(daemon):
    daemon.accept([call(n) for n in range(10)])
    size = len(get(daemon, "stats", by="tool", q=f"{CALLS} user:alice AKIAIOSFODNN7EXAMPLE", since="2h").body)
    get(daemon, "search", q="sesion:x")
    ok, refused = ledgerlib.wait_until(lambda: (found := records(daemon))[1:] and found, "the records")
    assert ok["filter"].startswith("kind:tool_call user:alice [redacted:")
    assert (ok["verb"], ok["path"], ok["parameters"]) == ("stats", "/api/v1/stats", "by=tool since=2h")
    assert (ok["outcome"], ok["status"], ok["peer"], ok["principal"]) == ("ok", 200, "127.0.0.1", "")
    assert ok["bytes"] == size and ok["duration_ns"] > 0 and ok["rows"] >= 0
    assert (refused["outcome"], refused["status"]) == ("refused", 400)


# --- pages ---


def page_through(daemon, on_page=None, **parameters):
    """[(seq of each item)], and the coverages of all pages."""
    seqs, coverages, cursor = [], [], {}
    while True:
        answer = get(daemon, "events", **parameters, **cursor)
        assert answer.status == 200, answer
        page = answer.json()
        seqs += [item["seq"] for item in page["items"]]
        coverages.append(page["coverage"])
        if on_page:
            on_page(len(coverages))
        if page["next_cursor"] is None:
            return seqs, coverages
        cursor = {"cursor": page["next_cursor"]}


@pytest.mark.parametrize("order", ["oldest", "newest"])
def test_pages_hold_each_event_once_while_others_arrive_and_blocks_are_sealed(make_daemon, order):
    daemon = make_daemon(settings={"store.block_age_max": "1s"})
    stop = threading.Event()
    for start in range(0, 3000, 500):
        daemon.accept([call(n) for n in range(start, start + 500)])

    def emit():
        number = 3000
        while not stop.is_set():
            daemon.accept([call(n) for n in range(number, number + 20)])
            number += 20

    emitter = threading.Thread(target=emit)
    emitter.start()
    try:
        seqs, _ = page_through(daemon, lambda page: page == 30 and stop.set(), q=CALLS, limit=97, order=order)
    finally:
        stop.set()
        emitter.join()
    assert seqs == sorted(seqs, reverse=order == "newest")
    assert len(seqs) == len(set(seqs))
    stored = [json.loads(line)["seq"] for line in daemon.export()]
    found = [seq for seq in stored if min(seqs) <= seq <= max(seqs)]
    assert sorted(seqs) == found
    assert len(found) >= 3000


def test_pages_go_on_over_roll_over_and_name_what_was_pruned(make_daemon):
    daemon = make_daemon(settings={"store.segment_bytes_max": "16MiB"})
    chance = random.Random(7)

    def fill(segments):
        while len(list(daemon.data.glob("seg-*.mdb"))) < segments:
            daemon.accept([ledgerlib.tool_call(request={"blob": chance.randbytes(6000).hex()}) for _ in range(200)])

    fill(3)
    first = get(daemon, "events", q=CALLS, order="oldest", limit=10).json()
    daemon.stop()
    daemon.settings["store.retention_bytes"] = "16MiB"
    daemon.start()
    ledgerlib.wait_until(lambda: min(int(p.stem[4:]) for p in daemon.data.glob("seg-*.mdb")) > 1, "a prune")
    second = get(daemon, "events", q=CALLS, order="oldest", limit=10, cursor=first["next_cursor"]).json()
    gap = second["coverage"]["gaps"][0]
    assert gap["first_seq"] == first["items"][-1]["seq"] + 1
    assert gap["last_seq"] < second["items"][0]["seq"]
    assert second["coverage"]["complete"] is False


def test_a_cursor_keeps_the_time_that_the_question_meant(daemon):
    daemon.accept([call(n) for n in range(30)])
    seqs, _ = page_through(daemon, q=CALLS, since="1h", limit=7)
    assert len(seqs) == 30
    page = get(daemon, "events", q=CALLS, since="1h", limit=7).json()
    assert get(daemon, "events", q=CALLS, since="2h", cursor=page["next_cursor"]).status == 400


def test_a_cursor_of_another_store_or_question_is_refused(make_daemon):
    here, there = make_daemon(), make_daemon()
    for daemon in (here, there):
        daemon.accept([call(n) for n in range(5)])
    cursor = get(here, "events", q=CALLS, limit=1).json()["next_cursor"]
    assert get(here, "events", q=CALLS, limit=3, cursor=cursor).status == 200
    assert "cursor" in problem(get(there, "events", q=CALLS, cursor=cursor), 400)["detail"]
    for wrong in ({"q": "tool:x"}, {"q": CALLS, "order": "oldest"}, {"q": CALLS, "tenant": "acme"}, {}):
        problem(get(here, "events", cursor=cursor, **wrong), 400)
    for broken in (cursor[:-2], cursor + "00", "00" + cursor[2:], cursor[:20] + "ff" + cursor[22:], "x", "%00", "\n"):
        problem(get(here, "events", q=CALLS, cursor=broken), 400)


# --- what is no question ---


@pytest.mark.parametrize(("path", "parameters"), [
    ("events", {"limit": "0"}), ("events", {"limit": "10001"}), ("events", {"limit": "1e3"}),
    ("events", {"limit": "-1"}), ("events", {"order": "sideways"}), ("events", {"output": "csv"}),
    ("events", {"since": "soon"}), ("events", {"since": "2h", "until": "3h"}), ("events", {"time": "tomorrow"}),
    ("events", {"q": "("}), ("events", {"q": "x" * 20_000}), ("events", {"nonsense": "1"}),
    ("events", {"verb": "search"}), ("events/call-1", {"q": "x"}), ("events/call-1", {"since": "2h"}),
    ("search", {"words": "x"}), ("search", {"by": "tool"}), ("search", {"q": "x", "id": "y"}),
    ("search", {"output": "xml"}), ("search", {"cursor": "x"}), ("tail", {"until": "2h"}),
    ("tail", {"coverage": "some"}), ("show", {}), ("timeline", {}), ("stats", {"by": "nonsense"}), ("answer", {}),
    ("answer", {"verb": "import"}), ("answer", {"verb": "stats", "match": "a", "as_of": "2h"}),
    ("show", {"match": "a"}),
])
def test_what_is_no_question_is_400(daemon, path, parameters):
    assert problem(get(daemon, path, **parameters), 400)["detail"]


def test_a_parameter_twice_is_400(daemon):
    for parameters in ("q=a&q=b", "limit=1&limit=2", "q=a&id=b", "since=1h&since=2h", "output=json&output=csv"):
        assert "twice" in problem(daemon.get(f"/api/v1/search?{parameters}"), 400)["detail"] or "q=a&id" in parameters
    assert daemon.get("/api/v1/search?tenant=a&tenant=b").status == 200
    problem(daemon.request("POST", "/api/v1/search?q=a", body="q=b", headers=FORM), 400)


def test_errors_of_a_search_tell_the_column_and_the_nearest_name(daemon):
    told = problem(get(daemon, "events", q="tool:x sesion:y"), 400)
    assert (told["column"], told["nearest"]) == (8, "session")
    assert problem(get(daemon, "events", lmit=5), 400)["nearest"] == "limit"
    assert problem(get(daemon, "stats", by="servr"), 400)["nearest"] == "server"


@pytest.mark.parametrize("path", [
    "events/%00", "events/%ff", "events/..%2f..%2fetc%2fpasswd", "events/" + "x" * 5000, "events/%e2%80%ae", "",
    "nothing", "events/a/b", "../v1/events/no", "%2e%2e/events", "answer/x", "tail/x", "EVENTS", "events?q=%ff",
    "events?q=%zz", "events?%00=1", "events?q=%00", "search?since=%00",
    "events?" + "&".join(f"p{n}=1" for n in range(40))
])
def test_odd_paths_are_told_so(daemon, path):
    answer = daemon.get(f"/api/v1/{path}")
    assert answer.status in (200, 400, 404), answer
    if answer.status != 200:
        problem(answer, answer.status)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_405_and_told_what_may_be_used(daemon, method):
    for path in ("events", "events/x", "search", "tail", "answer"):
        answer = daemon.request(method, f"/api/v1/{path}")
        problem(answer, 405)
        assert answer.headers["Allow"] == "GET, HEAD, POST"


def test_head_has_the_head_of_get(daemon):
    daemon.accept(call(1))
    for path in ("events", "events/call-1", "stats", "export", "tail", "search?q=tool:echo", "events/nothing",
                 "events?limit=x"):
        head = daemon.request("HEAD", f"/api/v1/{path}")
        assert head.body == b""
        if path == "tail":
            assert (head.status, head.headers["Content-Type"]) == (200, "text/event-stream")
            continue
        whole = daemon.get(f"/api/v1/{path}")
        assert (head.status, head.headers["Content-Type"]) == (whole.status, whole.headers["Content-Type"]), path


def test_a_form_asks_what_a_target_asks(daemon):
    daemon.accept([call(n, user={"id": f"user {n}+%"}) for n in range(20)])
    questions = (("search", {"q": 'user:"user 7+%"'}), ("stats", {"by": "user"}), ("tools", {"limit": "3"}))
    for path, parameters in questions:
        form = daemon.request("POST", f"/api/v1/{path}", body=urlencode(parameters), headers=FORM)
        assert form.status == 200
        assert form.body == get(daemon, path, **parameters).body
    answer = daemon.request("POST", "/api/v1/search", headers=FORM,
                            body=urlencode({"q": CALLS, "match": "".join(f"user {n}\n" for n in range(5, 50_000))}))
    assert len(answer.json()["items"]) == 15


def test_clients_that_leave_in_the_middle_cost_nothing(daemon):
    for start in range(0, 4000, 500):
        daemon.accept([ledgerlib.tool_call(request={"text": "y" * 1000, "n": n}) for n in range(start, start + 500)])
    for path in ("export", "search?limit=0&output=ndjson", "timeline?q=kind:tool_call", "tail?limit=0",
                 "stats?by=tool"):
        for _ in range(5):
            with contextlib.closing(daemon.connect()) as connection:
                connection.sendall(f"GET /api/v1/{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                connection.recv(10)
    ledgerlib.wait_until(lambda: daemon.metric("mcpledger_http_connections") == 1, "the end of the connections")
    ledgerlib.wait_until(lambda: daemon.metric("mcpledger_http_tails") == 0, "the end of the tails")
    assert get(daemon, "stats", by="tool").status == 200


def test_hostile_words_come_back_as_escapes(daemon):
    for words in ("\x1b[2Jx:y", "field\u202e:x", 'user:"\x07'):
        body = daemon.get(f"/api/v1/events?q={quote(words)}").body
        assert b"\x1b" not in body and "\u202e".encode() not in body


def test_events_of_one_id_are_one_json_text(daemon):
    daemon.accept(call(1))
    daemon.accept(call(1, intent="another"))
    (other,) = get(daemon, "show", id="call-1").json()["others"]
    assert other["intent"] == "another"
    assert get(daemon, "events/call-1").json() == get(daemon, "show", id="call-1").json()
    assert len(get(daemon, "show", id="call-1", output="ndjson").body.splitlines()) == 2
    problem(get(daemon, "show", id="call-2"), 404)
