"""What was stored is found again, over the API and by the command line, and by nobody who may not see it."""

import contextlib
import csv
import io
import json
import random
import re
import shutil
import subprocess
import tempfile
import time
import unicodedata
from pathlib import Path
from urllib.parse import quote, urlencode

import ledgerlib
import pytest

TENANTS = ("acme", "beta")
CALLS = 60  # of each tenant
NS = 10**9
COLLECTORS_MEMBERS = {"seq", "recv_time", "ingest", "verdict", "request_size", "response_size", "marks", "redaction",
                      "request_digest", "response_digest"}
NOT_SHOWN = {"Cc", "Cf", "Co", "Cs", "Zl", "Zp"}  # Unicode categories that a terminal must not get


def call(tenant, number, start_ns):
    """One of a tenant's calls: each fifth fails, each seventh is refused."""
    event = ledgerlib.tool_call(
        ("read_file", "write_file", "list_dir")[number % 3], id=f"{tenant}-{number}", tenant=tenant,
        time=start_ns + number * NS, duration_ns=(number + 1) * 1_000_000, session_id=f"{tenant}-session-{number % 2}",
        server={"name": "fs", "version": "1.0"}, user={"id": f"alice@{tenant}.example"},
        request={"path": f"/srv/{tenant}/{number}.txt", "n": number}, response={"text": f"{tenant} word{number}"})
    if number % 5 == 0:
        event |= {"error": {"type": "DiskError", "message": f"slow disk of {tenant}"}, "outcome": {"tool_error": True}}
    if number % 7 == 0:
        event |= {"outcome": {"decision": "deny", "reason": "policy"}}
    return event


def all_calls():
    start = time.time_ns() - 3600 * NS
    calls = [call(tenant, number, start) for number in range(CALLS) for tenant in TENANTS]
    return calls + [{"kind": "heartbeat", "tenant": "acme", "observer": {"name": "fs", "epoch": "e1", "seq": 7}}]


@contextlib.contextmanager
def running(folder, **kwargs):
    daemon = ledgerlib.Daemon(folder, **kwargs).start()
    try:
        yield daemon
    finally:
        daemon.close()


@pytest.fixture(scope="module")
def sent():
    return all_calls()


@pytest.fixture(scope="module")
def live(tmp_path_factory, sent):
    """A running daemon with the calls of two tenants; tests only read from it."""
    with running(tmp_path_factory.mktemp("live")) as daemon:
        daemon.accept(sent)
        yield daemon


@pytest.fixture(scope="module")
def stopped(tmp_path_factory, sent):
    """A store whose daemon was stopped cleanly; tests copy it, and do not change it."""
    folder = tmp_path_factory.mktemp("stopped")
    with running(folder) as daemon:
        daemon.accept(sent)
    return folder / "store"


def copy_of(store, to):
    shutil.copytree(store, to)
    return to


def api(daemon, path, headers=None, **parameters):
    answer = daemon.get(f"/api/v1/{path}?{urlencode(parameters)}", headers=headers)
    assert answer.status == 200, answer
    return answer.json()


def ids(answer):
    return [item["id"] for item in answer["items"]]


def ndjson(text):
    """The events of NDJSON, bytes or text (whose U+2028 end no line)."""
    return [json.loads(line) for line in (text.encode() if isinstance(text, str) else text).splitlines()]


def canonical(line):
    """What the emitter sent, as bytes: the collector's members stand behind it."""
    event = json.loads(line)
    own = {name: value for name, value in event.items() if name not in COLLECTORS_MEMBERS}
    text = json.dumps(own, ensure_ascii=False, separators=(",", ":")).encode()
    assert line.startswith(text[:-1]), line
    return text


# --- the API ---


def test_events_are_newest_first_and_their_coverage_says_complete(live):
    answer = api(live, "events", q="tenant:acme kind:tool_call", limit=5)
    assert ids(answer) == [f"acme-{number}" for number in range(CALLS - 1, CALLS - 6, -1)]
    assert answer["next_cursor"]
    assert api(live, "events", q="tenant:acme", limit=1000)["coverage"]["complete"] is True


def test_events_give_back_what_was_sent(live, sent):
    found = {item["id"]: item for item in api(live, "events", q="kind:tool_call", limit=1000)["items"]}
    wanted = {event["id"]: event for event in sent if event["kind"] == "tool_call"}
    assert found.keys() == wanted.keys()
    for name, event in wanted.items():
        assert event.items() <= found[name].items()


@pytest.mark.parametrize(("words", "expected"), [
    ("tool:read_file", lambda e: e["target"]["name"] == "read_file"),
    ("verdict:denied", lambda e: int(e["id"].split("-")[1]) % 7 == 0),
    ("verdict:error -tenant:beta", lambda e: e["tenant"] == "acme" and "error" in e
        and e["outcome"].get("decision") is None),
    ("request.path:/srv/beta/1*", lambda e: e["request"]["path"].startswith("/srv/beta/1")),
    ("request.n:>=50", lambda e: e["request"]["n"] >= 50),
    ("duration:>50ms", lambda e: e["duration_ns"] > 50_000_000),
    ('"slow disk of acme"', lambda e: e.get("error", {}).get("message") == "slow disk of acme"),
    ("( id:acme-1 OR id:beta-2 )", lambda e: e["id"] in ("acme-1", "beta-2")),
    ("word7", lambda e: e["response"]["text"].endswith(" word7")),
])
def test_a_search_finds_what_a_plain_loop_finds(live, sent, words, expected):
    wanted = {event["id"] for event in sent if event["kind"] == "tool_call" and expected(event)}
    assert wanted
    answer = api(live, "events", q=f"kind:tool_call {words}", limit=1000)
    assert set(ids(answer)) == wanted
    assert answer["coverage"]["events"] == len(wanted)


def test_since_and_until_mean_the_events_time(live, sent):
    times = sorted(event["time"] for event in sent if event.get("tenant") == "beta")
    answer = api(live, "events", q="tenant:beta", since=iso(times[10]), until=iso(times[20]), order="oldest")
    assert [item["time"] for item in answer["items"]] == times[10:20]
    assert api(live, "events", q="kind:tool_call", since="30m")["items"] == []
    assert len(api(live, "events", q="kind:tool_call", since="30m", time="recv", limit=1000)["items"]) == 2 * CALLS


def iso(ns):
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // NS)) + f".{ns % NS:09d}Z"


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_pages_give_each_event_once_while_others_arrive(daemon, order):
    first = [f"first-{number}" for number in range(50)]
    daemon.accept([ledgerlib.tool_call(id=name) for name in first])
    seen, cursor = [], None
    for page in range(200):
        more = {"cursor": cursor} if cursor else {}
        answer = api(daemon, "events", q="kind:tool_call", limit=7, order=order, **more)
        seen += ids(answer)
        cursor = answer["next_cursor"]
        if cursor is None:
            break
        if page < 10:
            daemon.accept([ledgerlib.tool_call(id=f"later-{page}-{number}") for number in range(3)])
    later = [f"later-{page}-{number}" for page in range(10) for number in range(3)]
    assert len(seen) == len(set(seen))
    if order == "newest":
        assert seen == first[::-1]
    else:
        assert seen[:50] == first
        assert seen[50:] == [name for name in later if name in seen]


@pytest.mark.parametrize("name", ["id", "seq", "made"])
def test_an_event_is_found_by_id_and_by_number(live, name):
    item = api(live, "events", q="kind:heartbeat" if name == "made" else "id:acme-3")["items"][0]
    answer = live.get(f"/api/v1/events/{item['seq'] if name == 'seq' else quote(item['id'])}")
    assert (answer.status, answer.json()) == (200, item)


def test_several_events_of_one_id_are_all_told(daemon):
    daemon.accept([ledgerlib.tool_call("a", id="same")])
    daemon.accept([ledgerlib.tool_call("b", id="same")])
    event = daemon.get("/api/v1/events/same").json()
    assert event["target"]["name"] == "a"
    assert [other["target"]["name"] for other in event["others"]] == ["b"]


@pytest.mark.parametrize("name", ["no-such-id", "0", "99999999", "%00", "..", "acme-1%20"])
def test_an_unknown_id_is_404(live, name):
    answer = live.get(f"/api/v1/events/{name}")
    assert answer.status == 404
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json()["status"] == 404


@pytest.mark.parametrize(("path", "parameters", "words"), [
    ("events", {"q": "tool:x sesion:y"}, ["column 8", "session"]),
    ("events", {"q": '"open'}, ["column 1"]),
    ("events", {"q": "( tool:x"}, ["column"]),
    ("events", {"limit": "0"}, ["limit"]),
    ("events", {"limit": "ten"}, ["limit"]),
    ("events", {"limit": "99999999999999999999"}, ["limit"]),
    ("events", {"cursor": "b"}, ["cursor"]),
    ("events", {"cursor": "b1x"}, ["cursor"]),
    ("events", {"since": "soon"}, ["since"]),
    ("events", {"time": "mine"}, ["time"]),
    ("events", {"order": "random"}, ["order"]),
    ("timeline", {}, ["id"]),
    ("timeline", {"q": "tool:x sesion:y"}, ["column 8"]),
    ("stats", {"by": "servr"}, ["server"]),
    ("stats", {"by": "server,tool,user,kind,action"}, ["4"]),
    ("stats", {"by": "server", "q": "duration:>x"}, ["column"]),
])
def test_a_query_that_can_not_be_read_is_a_problem_document(live, path, parameters, words):
    answer = live.get(f"/api/v1/{path}?{urlencode(parameters)}")
    assert answer.status == 400, answer
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    problem = answer.json()
    assert problem["status"] == 400
    assert problem["title"]
    for word in words:
        assert word in problem["detail"], problem


def test_a_timeline_holds_the_calls_of_its_session_in_order(live):
    answer = api(live, "timeline", id="acme-session-1")
    text = json.dumps(answer)
    wanted = [f"acme-{number}" for number in range(CALLS) if number % 2]
    assert [name for name in re.findall(r'"id": "(acme-\d+)"', text)] == wanted
    assert "beta" not in text
    assert answer["coverage"]["complete"] is True
    by_call = api(live, "timeline", id="acme-1")
    assert by_call == answer


def test_stats_count_by_field(live):
    items = {(item["by"]["tenant"], item["by"]["target.name"]): item
             for item in api(live, "stats", by="tenant,tool")["items"]}
    assert len(items) == 6
    assert sum(item["count"] for item in items.values()) == 2 * CALLS
    item = items["acme", "read_file"]
    numbers = [number for number in range(CALLS) if number % 3 == 0]
    assert item["count"] == len(numbers)
    assert item["verdicts"]["denied"] == sum(number % 7 == 0 for number in numbers)
    assert item["p50_ns"] in ((numbers[9] + 1) * 1_000_000, (numbers[10] + 1) * 1_000_000)
    assert item["max_ns"] == (numbers[-1] + 1) * 1_000_000


def test_stats_of_the_store(live):
    figures = api(live, "stats")
    assert figures["events"] >= 2 * CALLS + 1
    assert figures["segments"] == 1


def test_export_over_http_is_that_of_the_directory(live):
    over_http = live.get("/api/v1/export")
    assert over_http.headers["Content-Type"] == "application/x-ndjson"
    here = live.cli_on_store("export").stdout
    common = min(len(here), len(over_http.body))
    assert common > 10_000
    assert over_http.body[:common] == here[:common]
    assert [event["seq"] for event in ndjson(here)] == list(range(1, here.count(b"\n") + 1))


# --- scope ---


@pytest.fixture(scope="module")
def guarded(tmp_path_factory, sent):
    """(daemon, {name: token file}) of a daemon that knows tokens, made by `mcpledger token`, and the calls."""
    folder = tmp_path_factory.mktemp("guarded")
    tokens = folder / "tokens"
    files = {}
    for name, scopes, tenants in (("acme", "read", ["--tenants", "acme"]), ("both", "read", ["--tenants", "acme,beta"]),
                                  ("none", "read", ["--tenants", "gamma"]), ("sender", "ingest", []),
                                  ("admin", "admin", [])):
        made = ledgerlib.run_cli("token", name, "--scopes", scopes, *tenants, "--file", tokens)
        secret = made.stdout.decode().strip()
        assert re.fullmatch(r"mcpl_[0-9a-f]{64}", secret)
        assert secret not in tokens.read_text()
        files[name] = folder / f"{name}.token"
        files[name].write_text(secret + "\n")
        files[name].chmod(0o600)
    assert tokens.stat().st_mode & 0o777 == 0o600
    with running(folder, settings={"http.tokens_file": tokens}) as daemon:
        daemon.accept(sent, headers=bearer(files["sender"]))
        yield daemon, files


def bearer(token_file):
    return {"Authorization": f"Bearer {token_file.read_text().strip()}"}


def scoped_paths(guarded):
    """Every path, asking for what the other tenant has."""
    daemon, files = guarded
    of_beta = api(daemon, "events", headers=bearer(files["admin"]), q="id:beta-3")["items"][0]
    return [
        "events?limit=1000", "events?limit=1000&tenant=beta", "events?q=tenant:beta", "events?q=beta",
        "events?q=id:beta-3", "events?q=-tenant:acme", "events?q=request.path:*&limit=1000", "events?q=kind:ledger",
        "events/beta-3", f"events/{of_beta['seq']}", "timeline?id=beta-session-1", "timeline?id=beta-3",
        "timeline?q=tool:read_file", f"timeline?id={of_beta['seq']}", "stats?by=tenant,user,server", "stats?by=session",
        "stats?by=kind", "export", "export?tenant=beta", "answer?verb=search&words=beta&limit=0",
        "answer?verb=export", "answer?verb=show&words=beta-3", "answer?verb=timeline&words=beta-session-1",
        "answer?verb=stats&by=user", "answer?verb=stats",
    ]


def test_a_token_of_one_tenant_never_sees_the_other(guarded):
    daemon, files = guarded
    for path in scoped_paths(guarded):
        answer = daemon.get(f"/api/v1/{path}", headers=bearer(files["acme"]))
        asked = path.encode()
        # What the question itself said may be repeated; nothing else of beta.
        body = answer.body.replace(b"beta-session-1", b"").replace(b"beta-3", b"") if b"beta" in asked else answer.body
        assert answer.status in (200, 403, 404), (path, answer)
        assert b"beta" not in body, (path, answer)
        assert b'"ledger"' not in body, (path, answer)


def test_a_token_sees_all_of_its_tenants(guarded, sent):
    daemon, files = guarded
    for name, tenants in (("acme", {"acme"}), ("both", {"acme", "beta"}), ("none", set())):
        found = ndjson(daemon.get("/api/v1/export", headers=bearer(files[name])).body)
        assert len(found) == sum(event.get("tenant") in tenants for event in sent), name
        assert {event["tenant"] for event in found} == tenants
    assert len(api(daemon, "events", headers=bearer(files["both"]), tenant="beta", limit=1000)["items"]) == CALLS


@pytest.mark.parametrize("path", ["events", "events/acme-1", "timeline?id=acme-1", "stats?by=user", "export",
                                  "answer?verb=export"])
def test_reading_needs_a_token_of_scope_read(guarded, path):
    daemon, files = guarded
    assert daemon.get(f"/api/v1/{path}").status == 401
    assert daemon.get(f"/api/v1/{path}", headers=bearer(files["sender"])).status == 403
    assert daemon.get(f"/api/v1/{path}", headers=bearer(files["admin"])).status == 200


def test_the_command_line_reads_with_a_token_file(guarded):
    daemon, files = guarded
    done = daemon.cli("search", "tool:read_file", "-n", "0", "-o", "ndjson", "--token-file", files["acme"])
    assert {event["tenant"] for event in ndjson(done.stdout)} == {"acme"}
    assert daemon.cli("show", "beta-3", "--token-file", files["acme"], status=1).stdout == b""
    daemon.cli("search", "tool:read_file", "--tenant", "beta", "--token-file", files["acme"], status=1)
    assert b"401" in daemon.cli("search", "tool:read_file", status=3).stderr


# --- the command line ---

READING = [
    ("search", "kind:tool_call", "-n", "0"),
    ("search", "kind:tool_call", "-n", "0", "-o", "ndjson"),
    ("search", "kind:tool_call", "verdict:error", "-o", "json"),
    ("search", "kind:tool_call", "-tenant:beta", "-o", "csv"),
    ("search", "kind:tool_call", "-n", "3"),
    ("search", "kind:tool_call", "nothing-of-this"),
    ("search", "--tenant", "beta", "kind:tool_call", "--since", "2h"),
    ("show", "acme-3"),
    ("show", "beta-5", "-o", "json"),
    ("show", "no-such-id"),
    ("timeline", "acme-session-1"),
    ("timeline", "acme-session-1", "-o", "json"),
    ("timeline", "acme-session-1", "-o", "ndjson", "-n", "3"),
    ("timeline", "user:alice@beta.example", "-o", "csv"),
    ("timeline", "user:alice@beta.example"),
    ("timeline", "no-such-id"),
    ("stats", "--by", "server,tool"),
    ("stats", "--by", "tool", "verdict:error", "-o", "csv"),
    ("stats", "--by", "tool", "-o", "json"),
    ("stats", "--by", "day,request.path", "-n", "2", "--sort", "errors"),
    ("sessions", "-n", "3"),
    ("sessions", "-o", "ndjson", "tool:read_file"),
    ("tools", "-n", "2", "-o", "csv"),
    ("servers",),
    ("principals", "--sort", "refused"),
    ("errors", "-o", "json", "--since", "2h"),
    ("auth", "verdict:denied"),
    ("report", "usage", "-n", "3"),
    ("report", "tools", "-o", "json"),
    ("report", "credentials", "tool:read_file"),
    ("search", "sesion:x"),
    ("stats", "--by", "servr"),
    ("timeline",),
]


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_a_daemon_and_its_directory_give_the_same_answer(live, arguments):
    there = live.cli(*arguments, "--utc", status=None)
    here = live.cli_on_store(*arguments, "--utc", status=None)
    assert (there.returncode, there.stdout, there.stderr) == (here.returncode, here.stdout, here.stderr)


def answers_of(store, run=ledgerlib.run_cli):
    """What the verbs say of a store, without figures of its files."""
    return [(done.returncode, done.stdout, done.stderr) for done in
            (run("--data", store, *arguments, "--utc", status=None) for arguments in READING[:-3])]


def test_a_copy_gives_the_same_answers(stopped, tmp_path):
    here = answers_of(stopped)
    assert [code for code, _, _ in here].count(0) > 10
    assert answers_of(copy_of(stopped, tmp_path / "copy")) == here


def test_a_copy_without_keys_gives_the_same_answers(stopped, tmp_path):
    copy = copy_of(stopped, tmp_path / "copy")
    shutil.rmtree(copy / "keys")
    assert answers_of(copy) == answers_of(stopped)


def test_a_copy_of_segments_alone_gives_the_same_answers(stopped, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for segment in stopped.glob("seg-*.mdb"):
        shutil.copy(segment, copy)
    assert answers_of(copy) == answers_of(stopped)


def test_a_directory_that_may_only_be_read_gives_the_same_answers(stopped):
    folder = Path(tempfile.mkdtemp(prefix="mcpledger-test-"))
    try:
        folder.chmod(0o755)
        copy = copy_of(stopped, folder / "store")
        for path in copy.rglob("*"):
            path.chmod(0o555 if path.is_dir() else 0o444)
        copy.chmod(0o555)
        run_cli_as_nobody = ledgerlib.cli_of_nobody(folder)
        before = sorted(path.name for path in copy.iterdir())
        assert answers_of(copy, run_cli_as_nobody) == answers_of(stopped)
        assert sorted(path.name for path in copy.iterdir()) == before
    finally:
        for path in [folder, *folder.rglob("*")]:
            if path.is_dir():
                path.chmod(0o755)
        shutil.rmtree(folder)


def test_a_copy_without_its_newest_segment_has_the_older_ones(make_daemon, tmp_path):
    daemon = make_daemon(settings={"store.segment_bytes_max": "16MiB"})
    chance = random.Random(7)
    for batch in range(3):
        daemon.accept([ledgerlib.tool_call(id=f"{batch}-{number}", request={"blob": chance.randbytes(1 << 19).hex()})
                       for number in range(20)])
    daemon.accept([ledgerlib.tool_call(id="last")])
    daemon.stop()
    segments = sorted(daemon.data.glob("seg-*.mdb"))
    assert len(segments) >= 2
    whole = ledgerlib.export_lines(daemon.data)
    copy = copy_of(daemon.data, tmp_path / "copy")
    (copy / segments[-1].name).unlink()
    newest_first_seq = int(segments[-1].stem.removeprefix("seg-"))
    assert ledgerlib.export_lines(copy) == whole[:newest_first_seq - 1]
    assert ledgerlib.run_cli("--data", copy, "search", "id:0-3", "-o", "ndjson").stdout.count(b"\n") == 1
    # Without its oldest one, the answer says what is not there.
    shutil.rmtree(copy)
    copy_of(daemon.data, copy)
    (copy / segments[0].name).unlink()
    answer = ledgerlib.run_cli("--data", copy, "search", "id:0-3", "-o", "json", status=1)
    assert json.loads(answer.stdout)["coverage"]["complete"] is False
    ledgerlib.run_cli("--data", copy, "search", "id:0-3", "--require-complete", status=3)


def test_the_same_store_exports_the_same_bytes(stopped, tmp_path, sent):
    first = ledgerlib.run_cli("--data", stopped, "export").stdout
    assert ledgerlib.run_cli("--data", copy_of(stopped, tmp_path / "copy"), "export").stdout == first
    exported = [event for event in ndjson(first) if event["kind"] != "ledger"]
    for event, original in zip(exported, sent, strict=True):
        assert original.items() <= event.items()


def test_nothing_found_says_what_it_is_worth(live):
    done = live.cli_on_store("search", "nothing-of-this", status=1)
    assert done.stdout == b""
    assert b"Coverage: complete" in done.stderr
    answer = json.loads(live.cli_on_store("search", "nothing-of-this", "-o", "json", status=1).stdout)
    assert (answer["items"], answer["coverage"]["complete"]) == ([], True)
    live.cli_on_store("search", "nothing-of-this", "--require-complete", status=1)
    done = live.cli_on_store("timeline", "nothing-of-this", status=1)
    assert b"Coverage: complete" in done.stderr


def test_a_search_does_not_find_itself(live):
    """Each query over HTTP is an event of the ledger; its words are found where they are asked for."""
    for _ in range(2):
        live.cli("search", "asked-before", status=1)
    live.cli_on_store("search", "asked-before", status=1)
    records = ndjson(live.cli_on_store("search", "kind:ledger", "detail.filter:*asked-before*", "-o", "ndjson").stdout)
    assert {record["op"] for record in records} == {"query"}


def test_a_limit_says_that_there_is_more(live):
    done = live.cli_on_store("search", "kind:tool_call", "-n", "2")
    assert b"There is more" in done.stderr
    live.cli_on_store("search", "kind:tool_call", "-n", "2", "--require-complete", status=3)
    live.cli_on_store("search", "kind:tool_call", "-n", "0", "--require-complete", status=0)


@pytest.mark.parametrize(("arguments", "status"), [
    (("search", "id:acme-1"), 0), (("search", "id:acme-x"), 1), (("show", "acme-x"), 1), (("timeline", "acme-x"), 1),
    ((), 2), (("serch", "x"), 2), (("search", "--no-such-option"), 2), (("search", "-o", "xml"), 2),
    (("search", "-n", "-1"), 2), (("search", "--since", "soon"), 2), (("search", "sesion:x"), 2),
    (("show",), 2), (("show", "a", "b"), 2), (("export", "words"), 2), (("stats", "words"), 2),
    (("timeline", "x", "-o", "csv"), 1), (("token", "x"), 2), (("token", "x", "--scopes", "all"), 2),
    (("search", "x", "--data", "/no/such/directory"), 3), (("import", "/no/such/file"), 3),
    (("search", "x", "--url", "http://127.0.0.1:1"), 3), (("import", "-", "--url", "ftp://x"), 2),
    (("help",), 0), (("help", "serch"), 2), (("version",), 0), (("--version",), 0), (("search", "--help"), 0),
])
def test_exit_codes(live, arguments, status):
    store = () if {"--data", "--url", "--version", "import", "token"} & set(arguments) else ("--data", live.data)
    done = ledgerlib.run_cli(*arguments, *store, status=status)
    assert (b"mcpledger: " in done.stderr) == (status >= 2) or not arguments, done


def test_nobody_reads_the_output(live):
    """A closed pipe is no failure: `mcpledger export | head`."""
    command = f"{ledgerlib.CLI} export --data {live.data} -q | head -n 1 >/dev/null; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


# --- damage ---


@pytest.mark.parametrize("place", [60, 300, 1000])
def test_a_damaged_block_is_named_and_the_rest_is_read(make_daemon, sent, place):
    daemon = make_daemon()
    for part in (sent[:60], sent[60:]):
        daemon.accept(part)
        daemon.stop()  # seals a block
        daemon.start()
    daemon.stop()
    whole = ledgerlib.export_lines(daemon.data)
    kinds = ("--data", daemon.data, "stats", "--by", "kind", "-o", "json")
    counted = json.loads(ledgerlib.run_cli(*kinds).stdout)["items"]
    segment = next(daemon.data.glob("seg-*.mdb"))
    image = segment.read_bytes()
    block = [found.start() for found in re.finditer(rb"mcpldgBK\x01\x00\x01", image)][1]
    first = int.from_bytes(image[block + 16:block + 24], "little")
    count = int.from_bytes(image[block + 24:block + 28], "little")
    with open(segment, "r+b") as file:
        file.seek(block + place)
        file.write(bytes(byte ^ 0x55 for byte in image[block + place:block + place + 8]))
    done = ledgerlib.run_cli("--data", daemon.data, "export", status=3)
    assert done.stdout.splitlines() == whole[:first - 1] + whole[first - 1 + count:]
    assert f"block {first} of {segment.name} is damaged" in done.stderr.decode()
    for arguments in (("search", "kind:*", "-n", "0"), ("show", str(first))):
        done = ledgerlib.run_cli("--data", daemon.data, *arguments, status=3)
        assert f"block {first} of {segment.name} is damaged" in done.stderr.decode()
    # Figures need few columns: either one of them is damaged, which is told, or all are right.
    done = ledgerlib.run_cli(*kinds, status=None)
    if done.returncode == 0:
        assert json.loads(done.stdout)["items"] == counted
    else:
        assert done.returncode == 3
        assert f"block {first} of {segment.name} is damaged" in done.stderr.decode()


# --- hostile text ---

HOSTILE = ("x\x1b[2J\x1b]0;owned\x07", "evil\u202egnp.exe", "zero\u200bwidth", "two\nlines\r\nthree", "tab\there\x00",
           "tag\U000e0041\U000e0042", "line\u2028sep", "c1\u009b31m", "\ufeffbom", '=cmd|" /C calc"!A1',
           "+1+1", "-2+3", "@SUM(1)", "\t=1", '",=1,"', "a\\u001b[1m")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    with running(tmp_path_factory.mktemp("hostile")) as daemon:
        daemon.accept([
            ledgerlib.tool_call(text, id=f"h-{number}", user={"id": text}, server={"name": text}, intent=text,
                                session_id="hostile", client={"name": text}, agent={"name": text},
                                request={text: text, "in": [text]}, response={"text": text},
                                error={"type": text, "message": text}, outcome={"tool_error": True, "reason": text})
            for number, text in enumerate(HOSTILE)])
        yield daemon


def assert_printable(text, newlines="\n"):
    bad = {f"U+{ord(c):04X}" for c in text if c not in newlines and unicodedata.category(c) in NOT_SHOWN}
    assert not bad, bad


@pytest.mark.parametrize("arguments", [
    ("search", "session:hostile"), ("timeline", "hostile"), ("stats", "--by", "user,tool"),
    *(("show", f"h-{number}") for number in range(len(HOSTILE)))], ids=" ".join)
def test_hostile_text_is_shown_as_escapes(hostile, arguments):
    for run in (hostile.cli_on_store, hostile.cli):
        done = run(*arguments)
        assert_printable(done.stdout.decode())
        assert_printable(done.stderr.decode())


def test_hostile_text_does_not_make_rows(hostile):
    rows = hostile.cli_on_store("search", "session:hostile").stdout.decode().splitlines()
    assert len(rows) == 1 + len(HOSTILE)


def test_a_spreadsheet_runs_nothing_of_a_csv(hostile):
    for arguments in (("search", "session:hostile"), ("stats", "--by", "user,tool")):
        text = hostile.cli_on_store(*arguments, "-o", "csv").stdout.decode()
        assert_printable(text, "\r\n")
        rows = list(csv.reader(io.StringIO(text, newline="")))
        assert len(rows) == 1 + len(HOSTILE)
        for row in rows[1:]:
            assert len(row) == len(rows[0])
            for cell in row:
                assert not re.match(r"[=+@\t\r]|-(?!\d+$)", cell), cell


def test_json_keeps_hostile_text_exactly(hostile):
    for form in ("json", "ndjson"):
        text = hostile.cli_on_store("search", "session:hostile", "-o", form).stdout.decode()
        items = json.loads(text)["items"] if form == "json" else ndjson(text)
        assert [item["user"]["id"] for item in items] == list(HOSTILE)
        assert [list(item["request"]) for item in items] == [[text, "in"] for text in HOSTILE]
        assert "\x1b" not in text


def test_hostile_words_are_told_back_safely(hostile):
    for words in ("\x1b[2Jx:y", "user:\x1b[2J", '"\x1b', "field\u202e:x", "after:\x1b[2J"):
        done = hostile.cli_on_store("search", words, status=None)
        assert done.returncode in (1, 2)
        assert_printable(done.stderr.decode())
    answer = hostile.get("/api/v1/events?q=after:%1b%5b2J")
    assert answer.status == 400
    assert_printable(answer.json()["detail"])


# --- import, token, demo ---


def import_into(daemon, lines, *options, status=0):
    done = daemon.cli("import", "-", *options, stdin=b"".join(line + b"\n" for line in lines), status=status)
    counts = re.search(rb"(\d+) accepted, (\d+) already there, (\d+) rejected", done.stdout).groups()
    return counts, done.stderr.decode()


def test_an_import_keeps_canonical_bytes_and_origin(stopped, make_daemon):
    whole = ledgerlib.export_lines(stopped)
    daemon = make_daemon()
    counts, _ = import_into(daemon, whole)
    assert counts == (b"%d" % len(whole), b"0", b"0")
    imported = [line for line in ledgerlib.export_lines(daemon.data) if "origin" in json.loads(line)["ingest"]]
    assert [canonical(line) for line in imported] == [canonical(line) for line in whole]
    for line, original in zip(imported, whole, strict=True):
        event, before = json.loads(line), json.loads(original)
        origin = event["ingest"]["origin"]
        assert (event["verdict"], event.get("time")) == (before["verdict"], before.get("time"))
        assert (origin["seq"], origin["recv_time"]) == (before["seq"], before["recv_time"])
    counts, _ = import_into(daemon, whole)
    assert counts == (b"0", b"%d" % len(whole), b"0")


def test_a_line_that_can_not_be_imported_is_named(daemon, sent):
    lines = [json.dumps(event).encode() for event in sent[:6]]
    lines[3] = b'{"kind":"tool_call",'
    lines[5] = b'{"no":"kind"}'
    counts, told = import_into(daemon, lines, status=3)
    assert counts == (b"4", b"0", b"2")
    assert re.search(r"^line 4: \S", told, re.M), told
    assert re.search(r"^line 6: \S", told, re.M), told
    assert len(daemon.export()) == 4


def test_a_token_without_a_file_is_printed_with_its_line(tmp_path):
    done = ledgerlib.run_cli("token", "gateway-1", "--scopes", "ingest,read", "--tenants", "acme,beta")
    secret, line = done.stdout.decode().splitlines()
    digest, name, scopes, tenants = line.split()
    assert re.fullmatch(r"mcpl_[0-9a-f]{64}", secret)
    assert (len(digest), name, scopes, tenants) == (64, "gateway-1", "ingest,read", "acme,beta")
    ledgerlib.run_cli("token", "two words", "--scopes", "read", status=2)
    ledgerlib.run_cli("token", "x", "--scopes", "read", "--file", tmp_path / "no" / "file", status=3)


def test_the_demo_can_be_loaded_twice(daemon):
    first = daemon.cli("demo").stdout.decode()
    second = daemon.cli("demo").stdout.decode()
    accepted = int(re.match(r"(\d+) accepted, 0 already there, 0 rejected", first).group(1))
    assert accepted > 300
    assert second == first
    found = [json.loads(line) for line in daemon.export()]
    assert len(found) == 2 * accepted
    assert len({event["id"] for event in found}) == 2 * accepted
    assert {event["tenant"] for event in found} == {"demo"}
    assert abs(max(event["time"] for event in found) - time.time_ns()) < 600 * NS
    assert daemon.cli_on_store("timeline", "user:ana@example.com", "--tenant", "demo").stdout
