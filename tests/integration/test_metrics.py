"""What events tell of sessions, clients, authorisations, emitters and processes is in /metrics, each thing once."""

import time

import openmetrics
import pytest
from ledgerlib import tool_call

SERVER = {"name": "files", "version": "2.1"}


def connection(phase, session=None, **members):
    event = {"kind": "connection", "phase": phase, "server": SERVER, **members}
    if session:
        event["session_id"] = session
    return event


def auth(result, **members):
    return {"kind": "auth", "step": "token_validate", "result": result, "server": SERVER, **members}


def value(daemon, name, **labels):
    """The value of the one sample with these labels; None without."""
    found = [number for its, have, number in daemon.metrics()
             if its == name and all(have.get(key) == wanted for key, wanted in labels.items())]
    assert len(found) <= 1, found
    return found[0] if found else None


def test_closed_sessions_have_a_duration_once(daemon):
    name = "mcp_server_session_duration_seconds"
    now = time.time_ns()
    closes = connection("close", "s-1", id="c-1", duration_ns=3_500_000_000,
                        net={"transport": "http", "protocol_version": "2025-11-25"})
    daemon.accept([
        closes, closes,
        connection("initialize", "s-2", time=now - 60_000_000_000),
        connection("close", "s-2", time=now - 18_000_000_000),
        connection("close", "s-2-client", observer={"role": "client"}, duration_ns=1, error={"type": "reset"}),
        connection("close", "never-opened", time=now),
        connection("close", duration_ns=5_000_000_000, net={"transport": "stdio", "protocol_version": "2025-06-18"}),
        # The stateless era has no sessions; nor is a connection one.
        connection("close", duration_ns=7, net={"transport": "stdio", "protocol_version": "2026-07-28"}),
        connection("close", duration_ns=7, net={"transport": "http"}),
        connection("initialize", "s-3"),
    ])
    labels = {"mcp_server_name": "files", "mcp_server_version": "2.1", "tenant": "default"}
    http = {**labels, "network_transport": "tcp", "mcp_protocol_version": "2025-11-25"}
    assert daemon.metric(f"{name}_count") == 3
    assert value(daemon, f"{name}_sum", **http) == 3.5
    assert value(daemon, f"{name}_sum", **labels, network_transport="pipe") == 5
    assert daemon.metric(f"{name}_sum") == 3.5 + 5 + 42
    assert value(daemon, "mcp_client_session_duration_seconds_count", **labels, error_type="reset") == 1


def test_sessions_connections_and_clients_are_counted_while_they_are_active(daemon):
    for name in ("sessions", "connections", "clients"):
        assert value(daemon, f"mcpledger_{name}_active") is None
    daemon.accept([
        connection("initialize", "s-1", client={"name": "desk"}), connection("initialize", "s-2"),
        *[tool_call(session_id="s-1", server=SERVER, client={"name": "desk"}, user={"id": f"user-{number % 5}"})
          for number in range(50)],
        tool_call(session_id="s-3", server={"name": "other"}),
        tool_call(session_id="refused", server=SERVER, outcome={"http_status": 401}),
        tool_call(session_id="long-ago", server=SERVER, time=time.time_ns() - 10**9 * 86400 * 3),
    ])
    assert value(daemon, "mcpledger_sessions_active", mcp_server_name="files") == 2
    assert value(daemon, "mcpledger_sessions_active", mcp_server_name="other") == 1
    assert value(daemon, "mcpledger_connections_active", mcp_server_name="files") == 2
    assert value(daemon, "mcpledger_clients_active") == 6
    daemon.accept([connection("close", "s-1"), connection("close", "s-3", server={"name": "other"})])
    assert value(daemon, "mcpledger_sessions_active", mcp_server_name="files") == 1
    assert value(daemon, "mcpledger_sessions_active", mcp_server_name="other") == 0
    assert value(daemon, "mcpledger_connections_active", mcp_server_name="files") == 1


def test_after_a_restart_nothing_is_known_rather_than_zero(daemon):
    daemon.accept([tool_call(session_id="s", server=SERVER, client={"name": "desk"}),
                   {"kind": "resource_usage", "server": SERVER, "cpu_ns": 1, "rss_bytes": 1}])
    assert value(daemon, "mcpledger_sessions_active") == 1
    daemon.stop()
    daemon.start()
    exposed = {name for name, _, _ in daemon.metrics()}
    assert not exposed & {"mcpledger_sessions_active", "mcpledger_clients_active", "mcpledger_calls_total",
                          "mcp_server_process_resident_memory_bytes", "mcpledger_emitter_last_seen_timestamp_seconds"}
    assert value(daemon, "mcpledger_ingest_events_total", source="http", result="stored") == 2


def test_authorisations_have_reasons_of_the_table_only(daemon):
    texts = ["Token EXPIRED at 12:00", "insufficient_scope", 'evil "reason"\n', *(f"word {n}" for n in range(500))]
    daemon.accept([auth("deny", reason=text) for text in texts])
    daemon.accept([auth("allow")] * 3 + [auth("deny", www_error="invalid_token", step="something else")])
    # A refused call is no second authorisation of the same step.
    daemon.accept([tool_call(server=SERVER, outcome={"http_status": 403, "decision": "deny", "reason": "policy 7"}),
                   tool_call(server=SERVER, outcome={"http_status": 200})])
    counted = {(labels["decision"], labels["reason"], labels["step"]): number
               for name, labels, number in daemon.metrics() if name == "mcpledger_auth_total"}
    assert counted == {
        ("allow", "none", "token_validate"): 3, ("deny", "expired_token", "token_validate"): 1,
        ("deny", "insufficient_scope", "token_validate"): 1, ("deny", "other", "token_validate"): 501,
        ("deny", "invalid_token", "other"): 1, ("deny", "policy", "call"): 1,
    }


def test_emitters_show_when_they_were_last_seen_and_their_skew(daemon):
    now = time.time()
    ahead = {"role": "server", "name": "files", "instance": "pod-1"}
    behind = {"role": "gateway", "name": "edge", "instance": "pod-2"}
    daemon.accept([{"kind": "heartbeat", "observer": ahead, "time": int((now + 120) * 1e9)},
                   {"kind": "heartbeat", "observer": behind, "time": int((now - 45) * 1e9)}])
    for observer, skew in ((ahead, 120), (behind, -45)):
        labels = {f"observer_{key}": its for key, its in observer.items()}
        assert value(daemon, "mcpledger_emitter_last_seen_timestamp_seconds", **labels) == pytest.approx(now, abs=30)
        assert value(daemon, "mcpledger_emitter_clock_skew_seconds", **labels) == pytest.approx(skew, abs=30)
    assert value(daemon, "mcpledger_ingest_lag_seconds_count", source="http") == 2
    assert value(daemon, "mcpledger_ingest_lag_seconds_bucket", source="http", le="0.001") == 1
    assert value(daemon, "mcpledger_ingest_lag_seconds_bucket", source="http", le="30") == 1


def test_process_figures_are_sums_over_a_servers_processes(daemon):
    def report(pid, cpu_s, rss, **members):
        return {"kind": "resource_usage", "server": SERVER, "host": {"name": "node-1"}, "pid": pid,
                "cpu_ns": int(cpu_s * 1e9), "rss_bytes": rss, **members}

    daemon.accept([
        {"kind": "lifecycle", "phase": "start", "server": SERVER, "host": {"name": "node-1"}, "pid": 11},
        report(11, 1.5, 1000, net_rx_bytes=70, net_tx_bytes=7),
        report(12, 500, 3000, net_rx_bytes=10**12),
        report(12, 502.25, 2500, net_rx_bytes=10**12 + 30),
        report(11, 0.25, 900),
    ])
    assert value(daemon, "mcp_server_process_cpu_seconds_total", mcp_server_name="files") == 1.5 + 2.25 + 0.25
    assert value(daemon, "mcp_server_process_resident_memory_bytes", mcp_server_name="files") == 3400
    assert value(daemon, "mcp_server_process_network_receive_bytes_total", mcp_server_name="files") == 100
    assert value(daemon, "mcp_server_process_network_transmit_bytes_total", mcp_server_name="files") == 7


def test_imported_events_are_not_of_now(make_daemon):
    first, second = make_daemon(), make_daemon()
    first.accept([tool_call(session_id="s", server=SERVER, client={"name": "desk"}, observer={"name": "o"}),
                  {"kind": "resource_usage", "server": SERVER, "cpu_ns": 1, "rss_bytes": 1}])
    answer = second.request("POST", "/v1/import", body=b"\n".join(first.export()))
    assert answer.status == 200, answer
    assert answer.json()["accepted"] == 2
    families = openmetrics.parse(second.get("/metrics", headers={"Accept": "application/openmetrics-text"}).body)
    assert "mcpledger_calls" in families
    for name in ("mcpledger_sessions_active", "mcpledger_clients_active", "mcp_server_process_resident_memory_bytes",
                 "mcpledger_emitter_last_seen_timestamp_seconds"):
        assert name not in families
