"""Who follows events gets each one once, in order, and costs nobody else anything."""

import contextlib
import hashlib
import json
import random
import subprocess

import ledgerlib
import pytest
from sse import Tail

CALLS = "kind:tool_call"


def call(number, **members):
    return ledgerlib.tool_call(id=f"call-{number}", request={"n": number}, **members)


def numbers(frames):
    return [frame.json()["request"]["n"] for frame in frames]


@contextlib.contextmanager
def tail(daemon, **parameters):
    following = Tail(daemon, **parameters)
    try:
        yield following
    finally:
        following.close()


# --- what comes ---


def test_the_newest_come_first_then_each_further_one(daemon):
    daemon.accept([call(n) for n in range(20)])
    with tail(daemon, q=CALLS, limit=3) as following:
        assert numbers(following.follow().events(3)) == [17, 18, 19]
        for n in range(20, 30):
            daemon.accept(call(n))
        daemon.accept([call(n) for n in range(30, 50)])
        assert numbers(following.events(30)) == list(range(20, 50))


def test_an_event_is_that_of_every_other_answer(daemon):
    daemon.accept([call(0, user={"id": "alice"}), call(1, user={"id": "bob"})])
    with tail(daemon, q="user:bob", limit=5) as following:
        (frame,) = following.follow().events(1)
    assert frame.data[0].encode() + b"\n" == daemon.cli_on_store("show", "call-1", "-o", "ndjson").stdout


def test_only_what_matches_comes(daemon):
    with tail(daemon, q='tool:wanted OR "needle"') as following:
        following.follow()
        daemon.accept([call(n, target={"name": "wanted" if n % 3 == 0 else "other"}) for n in range(30)])
        daemon.accept(call(99, intent="a needle in the hay"))
        assert numbers(following.events(11)) == [*range(0, 30, 3), 99]


def test_coverage_is_told_once_it_has_caught_up(daemon):
    daemon.accept(call(1))
    with tail(daemon, q=CALLS) as following:
        frames = following.follow().collect(lambda frames: any(f.event == "coverage" for f in frames))
    assert [frame.event for frame in frames] == [None, "event", "coverage"]
    assert frames[2].json()["complete"] is True


def test_what_the_collector_lost_is_told_to_whoever_follows(daemon):
    daemon.accept(call(1))
    daemon.kill()
    daemon.start()
    with tail(daemon, q="tool:nothing-of-this", limit=0) as following:
        frames = following.follow().collect(
            lambda frames: any(f.event == "coverage" and f.json()["restarts"] for f in frames))
    assert frames[-1].json()["complete"] is False
    assert not [frame for frame in frames if frame.event == "event"]


# --- going on ---


@pytest.mark.parametrize("how", ["header", "parameter"])
def test_who_comes_back_goes_on_where_it_was(daemon, how):
    daemon.accept([call(n) for n in range(10)])
    with tail(daemon, q=CALLS, limit=4) as following:
        last = following.follow().events(2)[1]
    first = numbers([last])[0]
    daemon.accept([call(n) for n in range(10, 15)])
    resumed = {"headers": {"Last-Event-ID": last.id}} if how == "header" else {"cursor": last.id}
    with tail(daemon, q=CALLS, **resumed) as following:
        assert numbers(following.follow().events(14 - first)) == list(range(first + 1, 15))


def test_a_tail_without_an_event_can_go_on_too(daemon):
    with tail(daemon, q=CALLS) as following:
        start = following.follow().collect(lambda frames: frames)[0]
    daemon.accept(call(1))
    with tail(daemon, q=CALLS, headers={"Last-Event-ID": start.id}) as following:
        assert numbers(following.follow().events(1)) == [1]


def test_a_tail_goes_on_over_a_restart(daemon):
    daemon.accept([call(n) for n in range(3)])
    with tail(daemon, q=CALLS) as following:
        last = following.follow().events(3)[2]
        daemon.stop()
        rest = following.collect(lambda frames: False)  # it is ended, not cut
        assert following.ended
    last_id = ([last, *rest])[-1].id
    daemon.start()
    daemon.accept([call(n) for n in range(3, 6)])
    with tail(daemon, q=CALLS, headers={"Last-Event-ID": last_id}) as following:
        assert numbers(following.follow().events(3)) == [3, 4, 5]


def test_a_cursor_of_another_question_is_refused(daemon):
    daemon.accept(call(1))
    with tail(daemon, q=CALLS) as following:
        cursor = following.follow().events(1)[0].id
    for wrong in ({"q": "tool:x", "cursor": cursor}, {"q": CALLS, "tenant": "acme", "cursor": cursor},
                  {"q": CALLS, "cursor": cursor[:-1] + ("0" if cursor[-1] != "0" else "1")},
                  {"q": CALLS, "cursor": cursor[:20]}, {"q": CALLS, "cursor": "x"}):
        with tail(daemon, **wrong) as following:
            assert following.head().startswith("HTTP/1.1 400"), wrong


def test_what_was_pruned_is_a_gap(make_daemon):
    daemon = make_daemon(settings={"store.segment_bytes_max": "16MiB"})
    with tail(daemon, q=CALLS) as following:
        start = following.follow().collect(lambda frames: frames)[0]
    chance = random.Random(7)
    while len(list(daemon.data.glob("seg-*.mdb"))) < 3:
        daemon.accept([ledgerlib.tool_call(request={"n": n, "blob": chance.randbytes(6000).hex()}) for n in range(500)])
    daemon.stop()
    daemon.settings["store.retention_bytes"] = "16MiB"
    daemon.start()
    oldest = ledgerlib.wait_until(
        lambda: (found := min(int(path.stem[4:]) for path in daemon.data.glob("seg-*.mdb"))) > 1 and found, "a prune")
    with tail(daemon, q=CALLS, headers={"Last-Event-ID": start.id}) as following:
        frames = following.follow().collect(lambda frames: any(f.event == "gap" for f in frames))
    gap = next(frame for frame in frames if frame.event == "gap").json()
    assert gap["reason"] == "missing"
    assert gap["first_seq"] <= 3 and gap["last_seq"] >= oldest - 1


# --- scope ---


SECRETS = {name: f"mcpl_{hashlib.sha256(name.encode()).hexdigest()}" for name in ("sender", "acme", "both", "admin")}


def bearer(name):
    return {"Authorization": f"Bearer {SECRETS[name]}"}


def write_tokens(path, names=("sender", "acme", "both", "admin")):
    scopes = {"sender": "ingest *", "acme": "read acme", "both": "read acme,beta", "admin": "admin *"}
    path.write_text("".join(
        f"{hashlib.sha256(SECRETS[name].encode()).hexdigest()} {name} {scopes[name]}\n" for name in names))


@pytest.fixture
def guarded(make_daemon, tmp_path):
    tokens = tmp_path / "tokens"
    write_tokens(tokens)
    daemon = make_daemon(settings={"http.tokens_file": tokens})
    daemon.tokens = tokens
    return daemon


def test_a_tail_sees_its_tenants_alone(guarded):
    with tail(guarded, headers=bearer("acme"), limit=0) as acme, \
            tail(guarded, headers=bearer("both"), tenant="beta", limit=0) as beta:
        acme.follow()
        beta.follow()
        for n in range(20):
            guarded.accept([call(2 * n, tenant="acme"), call(2 * n + 1, tenant="beta")], headers=bearer("sender"))
        assert numbers(acme.events(20)) == list(range(0, 40, 2))
        assert numbers(beta.events(20)) == list(range(1, 40, 2))
        assert not [frame for frame in acme.frames() + beta.frames() if frame.event == "event"]


def test_a_tail_needs_a_token_of_scope_read(guarded):
    for headers, status in (({}, 401), (bearer("sender"), 403)):
        with tail(guarded, headers=headers) as following:
            assert following.head().startswith(f"HTTP/1.1 {status}")


def test_a_token_taken_away_ends_its_tails(guarded):
    with tail(guarded, headers=bearer("acme")) as gone, tail(guarded, headers=bearer("both")) as stays:
        gone.follow()
        stays.follow()
        write_tokens(guarded.tokens, ("sender", "both", "admin"))
        assert guarded.post(b"", path="/-/reload", headers=bearer("admin")).status == 200
        gone.collect(lambda frames: False)
        assert gone.ended
        guarded.accept(call(1, tenant="acme"), headers=bearer("sender"))
        assert numbers(stays.events(1)) == [1]


# --- limits ---


def test_tails_beyond_the_limit_are_told_503(make_daemon):
    daemon = make_daemon(settings={"query.tails_max": "3"})
    with contextlib.ExitStack() as stack:
        tails = [stack.enter_context(tail(daemon)).follow() for _ in range(3)]
        with tail(daemon) as fourth:
            head = fourth.head()
        assert head.startswith("HTTP/1.1 503") and "Retry-After: " in head
        assert daemon.metric("mcpledger_http_limit_hits_total", limit="query.tails_max") == 1
        tails[0].close()
        ledgerlib.wait_until(lambda: daemon.metric("mcpledger_http_tails") == 2, "the end of one")
        stack.enter_context(tail(daemon)).follow()


def test_an_event_longer_than_a_share_comes_whole(make_daemon):
    daemon = make_daemon(settings={"query.tail_bytes_max": "8MiB"})
    with tail(daemon, q=CALLS) as following:
        following.follow()
        daemon.accept(ledgerlib.tool_call(id="large", request={"n": 1, "text": "x" * 3_000_000}))
        daemon.accept(call(2))
        frames = following.events(2)
    assert len(frames[0].json()["request"]["text"]) == 3_000_000
    assert numbers(frames) == [1, 2]


def test_an_event_too_large_for_any_tail_is_a_gap(make_daemon):
    daemon = make_daemon(settings={"query.tail_bytes_max": "2MiB"})
    with tail(daemon, q=CALLS) as following:
        following.follow()
        daemon.accept(ledgerlib.tool_call(id="large", request={"n": 1, "text": "x" * 3_000_000}))
        daemon.accept(call(2))
        frames = following.collect(lambda frames: any(f.event == "event" for f in frames))
    gap = next(frame.json() for frame in frames if frame.event == "gap")
    assert gap["reason"] == "too_large" and gap["first_seq"] == gap["last_seq"]
    assert numbers(f for f in frames if f.event == "event") == [2]


def test_who_does_not_read_is_disconnected_and_can_go_on(make_daemon):
    daemon = make_daemon(settings={"query.tail_stall_time_max": "1s"})
    text = "x" * 100_000
    with tail(daemon, q=CALLS, limit=0) as following:
        following.follow()
        for start in range(0, 400, 50):
            daemon.accept([ledgerlib.tool_call(id=f"{n}", request={"n": n, "text": text + str(n)})
                           for n in range(start, start + 50)])
        daemon.wait_for("mcpledger_http_limit_hits_total", 1, limit="query.tail_stall_time_max")
        assert daemon.metric("mcpledger_http_limit_hits_total", limit="query.tail_bytes_max") >= 1
        ledgerlib.wait_until(lambda: daemon.metric("mcpledger_http_tails") == 0, "the end of the tail")
        with contextlib.suppress(ConnectionError):
            frames = following.collect(lambda frames: False)
        assert not following.ended
        got = [frame for frame in frames if frame.event == "event"]
    assert numbers(got) == list(range(len(got)))
    assert len(got) < 400
    with tail(daemon, q=CALLS, headers={"Last-Event-ID": got[-1].id}) as following:
        assert numbers(following.follow().events(400 - len(got))) == list(range(len(got), 400))


def test_a_stop_ends_tails_that_do_not_read(make_daemon):
    daemon = make_daemon(settings={"lifecycle.drain_time_max": "1m"})
    with tail(daemon, q=CALLS, limit=0) as following:
        following.follow()
        daemon.accept([ledgerlib.tool_call(id=f"{n}", request={"text": "x" * 100_000 + str(n)}) for n in range(100)])
        daemon.wait_for("mcpledger_http_limit_hits_total", 1, limit="query.tail_bytes_max")
        daemon.stop()  # which is given 30 s, and asserts a clean end


# --- the record ---


def test_a_tail_is_on_record_at_its_begin_and_its_end(daemon):
    with tail(daemon, q="user:nobody", tenant="acme") as following:
        following.follow()
        begin = ledgerlib.wait_until(lambda: records(daemon), "the record")[0]
        assert begin["phase"] == "begin" and "rows" not in begin
    end = ledgerlib.wait_until(lambda: records(daemon)[1:], "the second record")[0]
    for record in (begin, end):
        assert (record["verb"], record["filter"], record["parameters"]) == ("tail", "user:nobody", "tenant=acme")
        assert record["peer"] == "127.0.0.1"
    assert end["phase"] == "end" and end["bytes"] > 0 and end["duration_ns"] > 0


def records(daemon):
    found = daemon.cli_on_store("search", "op:query", "-o", "ndjson", "-n", "0", status=None).stdout
    return [json.loads(line)["detail"] for line in found.splitlines()]


# --- the command line ---


@contextlib.contextmanager
def command_line(*arguments):
    process = subprocess.Popen([str(ledgerlib.CLI), "tail", *map(str, arguments)], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=ledgerlib.clean_environment())
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("form", ["table", "ndjson", "csv"])
def test_the_command_line_follows_a_directory_and_a_daemon_alike(daemon, form):
    daemon.accept([call(n) for n in range(5)])
    options = (CALLS, "-f", "-n", "3", "-o", form, "--utc", "-q")
    with command_line("--data", daemon.data, *options) as here, command_line("--url", daemon.url, *options) as there:
        head = form != "ndjson"
        for process in (here, there):
            process.first = [process.stdout.readline() for _ in range(3 + head)]
        assert all(line.endswith(b"\n") for line in here.first)
        assert here.first == there.first
        daemon.accept([call(n) for n in range(5, 9)])
        assert [here.stdout.readline() for _ in range(4)] == [there.stdout.readline() for _ in range(4)]


def test_the_command_line_goes_on_when_the_connection_was_lost(make_daemon, tmp_path):
    daemon = make_daemon(settings={"http.listen": f"unix:{tmp_path}/socket"})
    url = f"unix:{tmp_path}/socket"

    def send(*numbers_):
        body = b"".join(json.dumps(call(n)).encode() + b"\n" for n in numbers_)
        ledgerlib.run_cli("import", "-", "--url", url, stdin=body)

    send(1, 2)
    with command_line("--url", url, CALLS, "-f", "-o", "ndjson", "-q") as process:
        got = [json.loads(process.stdout.readline())["request"]["n"] for _ in range(2)]
        daemon.stop()
        assert b"trying again" in process.stderr.readline()
        daemon.start()
        send(3, 4)
        got += [json.loads(process.stdout.readline())["request"]["n"] for _ in range(2)]
    assert got == [1, 2, 3, 4]


def test_a_tail_that_can_not_go_on_says_why(guarded, tmp_path):
    token = tmp_path / "token"
    token.write_text(SECRETS["acme"])
    with command_line("--url", guarded.url, "--token-file", token, "-f") as process:
        ledgerlib.wait_until(lambda: guarded_tails(guarded) == 1, "the tail")
        write_tokens(guarded.tokens, ("sender", "both", "admin"))
        assert guarded.post(b"", path="/-/reload", headers=bearer("admin")).status == 200
        assert process.wait(ledgerlib.WAIT_SECONDS) == 3
        assert b"401" in process.stderr.read()


def guarded_tails(daemon):
    samples = ledgerlib.parse_metrics(daemon.get("/metrics", headers=bearer("admin")).body.decode())
    return sum(value for name, _, value in samples if name == "mcpledger_http_tails")


def test_wrong_use_of_tail(daemon):
    for arguments in (("--until", "2h"), ("-f", "-o", "json"), ("sesion:x",), ("-f", "sesion:x")):
        for run in (daemon.cli, daemon.cli_on_store):
            assert b"mcpledger: " in run("tail", *arguments, status=None).stderr, arguments
