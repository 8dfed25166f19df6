"""Real Prometheus reads /metrics: promtool has nothing to complain of; totals and exemplars arrive as they are."""

import json
import socket
import subprocess
import time
import urllib.parse
import urllib.request

import ledgerlib
import pytest

EVENTS = 250
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: mcpledger
    static_configs: [{{targets: ["{target}"]}}]
"""


@pytest.fixture
def busy_daemon(daemon):
    """A daemon whose metrics have something to show, hostile label values too."""
    daemon.accept([
        ledgerlib.tool_call(f"tool-{number % 7}", id=f"p-{number}", duration_ns=number * 1_000_000,
                            observer={"role": "server"}, server={"name": 'quote " back \\ newline \n'})
        for number in range(EVENTS)
    ])
    daemon.accept(ledgerlib.tool_call(id="p-1", duration_ns=1, observer={"role": "client"}, trace_id=TRACE.upper()))
    assert daemon.post("{").status == 400
    daemon.wait_for("mcpledger_calls_total", EVENTS)
    return daemon


def test_promtool_finds_nothing_to_complain_of(prometheus, busy_daemon):
    done = subprocess.run([prometheus / "promtool", "check", "metrics"], input=busy_daemon.get("/metrics").body,
                          capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not done.stdout + done.stderr


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class Prometheus:
    """A real Prometheus that scrapes the daemon each second."""

    def __init__(self, folder, programs, target):
        config = folder / "prometheus.yml"
        config.write_text(CONFIG.format(target=target))
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/api/v1/"
        with open(folder / "prometheus.log", "wb") as log:
            self.process = subprocess.Popen(
                [programs / "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}",
                 f"--web.listen-address=127.0.0.1:{port}", "--enable-feature=exemplar-storage"], stdout=log, stderr=log)

    def ask(self, path, **parameters):
        """The data of an answer; None until there is one."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}?{urllib.parse.urlencode(parameters)}", timeout=10) as answer:
                return json.load(answer)["data"]
        except OSError:
            return None

    def query(self, query):
        """{labels: value}; None without any."""
        found = (self.ask("query", query=query) or {"result": []})["result"]
        return {tuple(sorted(row["metric"].items())): float(row["value"][1]) for row in found} or None

    def exemplars(self, query):
        return self.ask("query_exemplars", query=query, start=time.time() - 3600, end=time.time() + 60)


@pytest.fixture
def scrape(prometheus, busy_daemon, tmp_path):
    server = Prometheus(tmp_path, prometheus, busy_daemon.ready["http"])
    yield server
    server.process.terminate()
    server.process.wait(30)


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
