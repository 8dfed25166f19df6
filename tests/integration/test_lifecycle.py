"""How the daemon starts, takes over settings, and stops."""

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import time

import ledgerlib
import pytest

SLACK_SECONDS = 5


def ledger_events(daemon, op):
    """The collector's own events of this kind, from the store directory."""
    events = [json.loads(line) for line in ledgerlib.export_lines(daemon.data)]
    return [event for event in events if event["kind"] == "ledger" and event["op"] == op]


def store_figures(daemon):
    return json.loads(daemon.cli_on_store("stats", "-o", "json").stdout)


def run_daemon(*arguments, env=None):
    return subprocess.run([str(ledgerlib.DAEMON), *map(str, arguments)], capture_output=True, text=True,
                          env=ledgerlib.clean_environment(env), timeout=ledgerlib.STOP_SECONDS, check=False)


def run_until_it_ends(daemon):
    """Starts a daemon that is to refuse; returns its exit status and log."""
    daemon.spawn()
    process, daemon.process = daemon.process, None
    try:
        return process.wait(ledgerlib.STOP_SECONDS), daemon.log()
    finally:
        process.kill()


@contextlib.contextmanager
def held_answer(daemon):
    """A request whose answer is longer than the sockets' buffers, and of which nobody reads more than the beginning."""
    daemon.accept([ledgerlib.tool_call(id=f"long-{n}", request={"text": "x" * 1_000_000}) for n in range(20)])
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(ledgerlib.WAIT_SECONDS)
        connection.connect(daemon.http_address())
        connection.sendall(b"GET /api/v1/export HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(12) == b"HTTP/1.1 200"
        yield


# -- stopping --


def test_a_stop_stores_what_was_accepted_and_seals_the_tail(make_daemon):
    daemon = make_daemon(settings={"store.block_age_max": "1h"})
    daemon.accept([ledgerlib.tool_call(id=f"http-{n}") for n in range(100)])
    daemon.send_udp(*(ledgerlib.tool_call(id=f"udp-{n}") for n in range(50)))
    daemon.wait_for("mcpledger_ingest_events_total", 50, source="udp", result="stored")
    assert store_figures(daemon)["tail_events"] > 0
    daemon.stop()
    figures = store_figures(daemon)
    assert figures["tail_events"] == 0 and figures["blocks"] >= 1
    ids = {json.loads(line)["id"] for line in daemon.export()}
    assert ids == {f"http-{n}" for n in range(100)} | {f"udp-{n}" for n in range(50)}
    assert len(ledger_events(daemon, "stop")) == 1
    assert not daemon.ready_path.exists()


def test_datagrams_that_had_arrived_before_a_stop_are_stored(make_daemon):
    daemon = make_daemon()
    daemon.signal(signal.SIGSTOP)
    daemon.send_udp(*(ledgerlib.tool_call(id=f"u-{n}") for n in range(20)))
    daemon.signal(signal.SIGTERM)
    daemon.signal(signal.SIGCONT)
    assert daemon.process.wait(ledgerlib.STOP_SECONDS) == 0
    daemon.process = None
    assert len(daemon.export()) == 20


def test_a_body_that_is_not_whole_is_not_waited_for_nor_stored(make_daemon):
    daemon = make_daemon(settings={"lifecycle.drain_time_max": "10m"})
    body = ledgerlib.as_body([ledgerlib.tool_call(id=f"half-{n}", request={"text": "x" * 1000}) for n in range(100)])
    with daemon.connect() as connection:
        connection.sendall(b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\n"
                           b"Content-Length: %d\r\n\r\n" % (len(body) + 1) + body)
        daemon.wait_for("mcpledger_queue_bytes", len(body))
        daemon.stop()
        assert b"200" not in connection.makefile("rb").read()
    assert daemon.export() == []


def test_the_first_signal_waits_for_an_answer_and_the_second_does_not(make_daemon):
    daemon = make_daemon(settings={"lifecycle.drain_time_max": "10m"})
    with held_answer(daemon):
        daemon.signal(signal.SIGTERM)
        daemon.wait_for_log("msg=stopping")
        daemon.signal(signal.SIGTERM)
        assert daemon.process.wait(ledgerlib.STOP_SECONDS) == 3
    daemon.process = None
    assert "a second signal: stopping at once" in daemon.log()
    assert len(daemon.export()) == 20


def test_drain_time_max_bounds_a_stop(make_daemon):
    daemon = make_daemon(settings={"lifecycle.drain_time_max": "2s"})
    with held_answer(daemon):
        began = time.monotonic()
        daemon.stop()
        assert time.monotonic() - began < 2 + SLACK_SECONDS
    assert store_figures(daemon)["tail_events"] == 0


# -- reloading --


def reload_count(daemon):
    return daemon.log().count("the configuration was taken over")


def reload(daemon, text):
    """Writes the file and has it taken over."""
    before = reload_count(daemon)
    (daemon.folder / "mcpledger.yaml").write_text(text)
    daemon.signal(signal.SIGHUP)
    ledgerlib.wait_until(lambda: reload_count(daemon) > before, lambda: f"a reload; log:\n{daemon.log()}")


def stored_request(daemon, event_id):
    return next(event for event in map(json.loads, daemon.export()) if event["id"] == event_id)


def test_sighup_takes_over_changed_settings_and_is_on_record(make_daemon):
    daemon = make_daemon(config="ingest:\n  payload_bytes_max: 4MiB\n")
    call = ledgerlib.tool_call(request={"text": "y" * 3000})
    daemon.accept({**call, "id": "whole"})
    reload(daemon, "ingest:\n  payload_bytes_max: 1KiB\n")
    daemon.accept({**call, "id": "cut"})
    assert stored_request(daemon, "whole")["request"] == call["request"]
    assert stored_request(daemon, "cut").get("request") != call["request"]
    assert daemon.metric("mcpledger_config_last_reload_successful") == 1
    ledgerlib.wait_until(lambda: ledger_events(daemon, "config_change"), "the reload in the ledger")
    assert ledger_events(daemon, "config_change")[0]["detail"] == {"restart_needed": []}


def test_sighup_takes_over_the_log_level(make_daemon):
    daemon = make_daemon(config="log:\n  level: info\n")
    (daemon.folder / "mcpledger.yaml").write_text("log:\n  level: error\n")
    daemon.signal(signal.SIGHUP)
    ledgerlib.wait_until(lambda: ledger_events(daemon, "config_change"), "the reload in the ledger")
    daemon.stop()
    assert "the configuration was taken over" not in daemon.log()
    assert "msg=stopped" not in daemon.log()


def test_a_setting_that_needs_a_restart_is_named(make_daemon):
    daemon = make_daemon(config="http:\n  threads: 2\n")
    reload(daemon, "http:\n  threads: 3\n")
    assert "restart_needed=http.threads" in daemon.log()
    ledgerlib.wait_until(lambda: ledger_events(daemon, "config_change"), "the reload in the ledger")
    assert ledger_events(daemon, "config_change")[0]["detail"] == {"restart_needed": ["http.threads"]}


def test_a_bad_file_keeps_the_settings_and_says_so(make_daemon):
    daemon = make_daemon(config="ingest:\n  payload_bytes_max: 4MiB\n")
    (daemon.folder / "mcpledger.yaml").write_text("ingest:\n  payload_bytes_max: 1KiB\n  depht_max: 9\n")
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_log("the configuration was not taken over")
    assert "mcpledger.yaml:3:3: unknown key ingest.depht_max" in daemon.log()
    assert daemon.metric("mcpledger_config_last_reload_successful") == 0
    call = ledgerlib.tool_call(id="still-whole", request={"text": "y" * 3000})
    daemon.accept(call)
    assert stored_request(daemon, "still-whole")["request"] == call["request"]
    assert ledger_events(daemon, "config_change") == []
    reload(daemon, "ingest:\n  payload_bytes_max: 4MiB\n")
    assert daemon.metric("mcpledger_config_last_reload_successful") == 1


def test_a_reload_is_taken_over_whole_or_not_at_all(make_daemon):
    daemon = make_daemon(config="ingest:\n  payload_bytes_max: 4MiB\n")
    (daemon.folder / "mcpledger.yaml").write_text(
        "ingest:\n  payload_bytes_max: 1KiB\nhttp:\n  tokens_file: /nonexistent/tokens\n")
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_log("the configuration was not taken over")
    call = ledgerlib.tool_call(id="still-whole", request={"text": "y" * 3000})
    daemon.accept(call)
    assert stored_request(daemon, "still-whole")["request"] == call["request"]


def test_sighup_takes_over_how_long_a_stop_may_take(make_daemon):
    daemon = make_daemon(config="lifecycle:\n  drain_time_max: 10m\n")
    reload(daemon, "lifecycle:\n  drain_time_max: 2s\n")
    with held_answer(daemon):
        daemon.stop()


# -- starting --


def test_a_store_that_is_held_is_refused_and_the_holder_named(daemon, make_daemon):
    second = make_daemon(start=False)
    second.data = daemon.data
    status, log = run_until_it_ends(second)
    assert status == 3
    assert re.search(rf"another collector has this store open \(process {daemon.pid}\)", log), log
    daemon.accept(ledgerlib.tool_call())


def test_a_busy_udp_port_is_named_with_its_setting(make_daemon):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as busy:
        busy.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{busy.getsockname()[1]}"
        status, log = run_until_it_ends(make_daemon(start=False, settings={"udp.listen": address}))
    assert status == 3
    assert "udp.listen" in log and address in log and "in use" in log


def test_udp_beyond_loopback_needs_its_setting(make_daemon):
    status, log = run_until_it_ends(make_daemon(start=False, settings={"udp.listen": "0.0.0.0:0"}))
    assert status == 3
    assert "udp.listen" in log and "udp.allow_unauthenticated" in log
    daemon = make_daemon(settings={"udp.listen": "0.0.0.0:0", "udp.allow_unauthenticated": "true"})
    port = int(daemon.ready["udp"].rsplit(":", 1)[1])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(ledgerlib.as_body(ledgerlib.tool_call()), ("127.0.0.1", port))
    daemon.wait_for("mcpledger_ingest_events_total", 1, source="udp", result="stored")


def test_listeners_that_are_off_are_null_in_the_ready_file(make_daemon):
    daemon = make_daemon(settings={"udp.listen": ""})
    assert daemon.ready["udp"] is None and daemon.ready["pid"] == daemon.pid
    assert set(daemon.ready) == {"pid", "http", "udp", "otlp", "otlp_grpc"}


def test_after_a_kill_the_restart_says_so_and_after_a_stop_it_does_not(make_daemon):
    daemon = make_daemon()
    daemon.accept(ledgerlib.tool_call(id="acknowledged"))
    daemon.kill()
    daemon.start()
    daemon.stop()
    daemon.start()
    daemon.stop()
    assert [event["detail"]["previous_stop"] for event in ledger_events(daemon, "start")] == [
        "none", "not clean", "clean"]
    gaps = ledger_events(daemon, "gap")
    assert len(gaps) == 1 and gaps[0]["detail"]["from"] < gaps[0]["detail"]["until"]
    assert [json.loads(line)["id"] for line in daemon.export()] == ["acknowledged"]
    assert b"gap" in daemon.cli_on_store("export").stderr


# -- options --


def test_options_that_answer_and_exit():
    version = run_daemon("--version")
    assert version.returncode == 0 and re.fullmatch(r"mcpledgerd \d+\.\d+\.\d+\n", version.stdout)
    usage = run_daemon("--help")
    assert usage.returncode == 0
    for option in ("--config", "--data", "--ready-file", "--check-config", "--print-config", "--version", "--help"):
        assert option in usage.stdout
    check = run_daemon("--check-config", env={"MCPLEDGER_HTTP_THREADS": "8"})
    assert check.returncode == 0 and check.stdout == ""
    shown = run_daemon("--print-config", env={"MCPLEDGER_HTTP_THREADS": "8"})
    assert shown.returncode == 0 and "threads: 8" in shown.stdout


@pytest.mark.parametrize("arguments", [["--no-such-option"], ["--data"], ["surplus"], ["-c", "/nonexistent.yaml"]],
                         ids=shlex.join)
def test_wrong_use_exits_with_2(arguments):
    done = run_daemon(*arguments)
    assert done.returncode == 2
    assert done.stdout == "" and done.stderr != ""


# -- the log --

_PAIR = r'[a-z_]+=(?:[^\s"=]+|"(?:[^"\\]|\\.)*")'


def test_log_lines_are_pairs_of_key_and_value(make_daemon):
    daemon = make_daemon()
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_log("taken over")
    daemon.stop()
    lines = daemon.log().splitlines()
    assert len(lines) >= 3
    for line in lines:
        assert re.fullmatch(rf"time=\S+Z level=(?:info|warning|error) msg={_PAIR[len('[a-z_]+='):]}(?: {_PAIR})*",
                            line), line


def test_under_the_journal_lines_carry_priorities_and_no_time(make_daemon):
    daemon = make_daemon(command=["env", "JOURNAL_STREAM=9:9"], config="log:\n  level: info\n")
    os.unlink(daemon.folder / "mcpledger.yaml")
    daemon.signal(signal.SIGHUP)
    daemon.wait_for_log("not taken over")
    daemon.stop()
    lines = daemon.log().splitlines()
    assert any(line.startswith("<3>level=error msg=") for line in lines)
    assert all(re.match(r"<[346]>level=", line) for line in lines), lines
