"""Real Prometheus reads /metrics: promtool has nothing to complain of; totals and exemplars arrive as they are."""

import subprocess

import ledgerlib
import pytest

EVENTS = 250
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

@pytest.fixture
def busy_daemon(daemon):
    """A daemon whose metrics have something to show, hostile label values too."""
    daemon.accept([
        ledgerlib.tool_call(f"tool-{number % 7}", id=f"p-{number}", duration_ns=number * 1_000_000,
                            observer={"role": "server"}, server={"name": 'quote " back \\ newline \n'})
        for number in range(EVENTS)
    ])
    daemon.accept(ledgerlib.tool_call(id="p-1", duration_ns=1, observer={"role": "client"}, trace_id=TRACE.upper()))
    daemon.accept(ledgerlib.one_of_every_kind())
    assert daemon.post("{").status == 400
    daemon.wait_for("mcpledger_calls_total", EVENTS)
    return daemon


def test_promtool_finds_nothing_to_complain_of(prometheus, busy_daemon):
    done = subprocess.run([prometheus / "promtool", "check", "metrics"], input=busy_daemon.get("/metrics").body,
                          capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stdout + done.stderr


@pytest.fixture
def scrape(prometheus_of, busy_daemon):
    return prometheus_of(busy_daemon)


def test_a_real_scrape_returns_the_same_totals(scrape, busy_daemon):
    query = "sum by (result) (mcpledger_ingest_events_total{source='http'})"
    totals = ledgerlib.wait_until(lambda: scrape.query(query), "the first sample")
    scraped = {dict(labels)["result"]: value for labels, value in totals.items()}
    for result, value in scraped.items():
        assert value == busy_daemon.metric("mcpledger_ingest_events_total", source="http", result=result)
    assert scraped["received"] == sum(value for result, value in scraped.items() if result != "received")
    calls = scrape.query("sum(mcp_server_operation_duration_seconds_count)")
    assert calls == {(): busy_daemon.metric("mcp_server_operation_duration_seconds_count")}
    assert scrape.query("up{job='mcpledger'}")


def test_a_real_scrape_speaks_openmetrics_and_keeps_exemplars(scrape, busy_daemon):
    for query in ("mcp_client_operation_duration_seconds_bucket", 'mcpledger_calls_total{gen_ai_tool_name="echo"}'):
        series = ledgerlib.wait_until(lambda asked=query: scrape.exemplars(asked), f"an exemplar of {query}")
        assert len(series) == 1
        assert {exemplar["labels"]["trace_id"] for exemplar in series[0]["exemplars"]} == {TRACE}
        assert series[0]["seriesLabels"]["gen_ai_tool_name"] == "echo"
    metadata = scrape.ask("metadata")
    assert metadata["mcp_server_operation_duration_seconds"][0] == {
        "type": "histogram", "unit": "seconds", "help": "Duration of MCP requests as servers and gateways saw them."}
    assert metadata["mcpledger_build"][0]["type"] == "info"
