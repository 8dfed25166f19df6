"""Real Prometheus reads /metrics: promtool finds nothing to complain of, and a scrape returns the same totals."""

import json
import socket
import subprocess
import urllib.parse
import urllib.request

import ledgerlib
import pytest

EVENTS = 250
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
    daemon.accept(ledgerlib.tool_call(id="p-1", duration_ns=1))
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


@pytest.fixture
def scrape(prometheus, busy_daemon, tmp_path):
    """A function that asks a real Prometheus, which scrapes the daemon each second."""
    config = tmp_path / "prometheus.yml"
    config.write_text(CONFIG.format(target=busy_daemon.ready["http"]))
    port = free_port()
    with open(tmp_path / "prometheus.log", "wb") as log:
        process = subprocess.Popen(
            [prometheus / "prometheus", f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'tsdb'}",
             f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)

    def ask(query):
        url = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                found = json.load(answer)["data"]["result"]
        except OSError:
            return None
        return {tuple(sorted(row["metric"].items())): float(row["value"][1]) for row in found} or None

    yield ask
    process.terminate()
    process.wait(30)


def test_a_real_scrape_returns_the_same_totals(scrape, busy_daemon):
    totals = ledgerlib.wait_until(lambda: scrape("sum by (result) (mcpledger_ingest_events_total{source='http'})"),
                                  "the first sample")
    scraped = {dict(labels)["result"]: value for labels, value in totals.items()}
    for result, value in scraped.items():
        assert value == busy_daemon.metric("mcpledger_ingest_events_total", source="http", result=result)
    assert scraped["received"] == sum(value for result, value in scraped.items() if result != "received")
    calls = scrape("sum(mcp_server_operation_duration_seconds_count)")
    assert calls == {(): busy_daemon.metric("mcp_server_operation_duration_seconds_count")}
    assert scrape("up{job='mcpledger'}")
