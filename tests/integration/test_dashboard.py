"""The shipped Grafana dashboard asks for nothing that the daemon does not expose, and Prometheus answers it."""

import json
import math
import re

import ledgerlib
import pytest

DASHBOARD = json.loads((ledgerlib.ROOT / "dashboards" / "grafana-mcpledger.json").read_text())
METRIC = re.compile(r"\b(?:mcp|mcpledger|process)_[a-z_]+\b")
LABELS = {"mcp_server_name", "mcp_method_name", "mcp_protocol_version", "mcp_server_version"}
HISTOGRAM_PARTS = re.compile(r"_(bucket|sum|count)$")


def expressions():
    found = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    return found + [variable["query"] for variable in DASHBOARD["templating"]["list"] if variable["type"] == "query"]


def exposed(daemon):
    """Names of the families that /metrics announces."""
    return set(re.findall(r"^# TYPE (\S+)", daemon.get("/metrics").body.decode(), re.M))


@pytest.fixture
def busy_daemon(daemon):
    """A family appears with its first series, so something of everything must have happened."""
    daemon.accept(ledgerlib.tool_call(observer={"role": "server"}, server={"name": "s"}, duration_ns=1))
    daemon.accept(ledgerlib.one_of_every_kind())
    assert daemon.post("not an event").status == 400
    daemon.wait_for("mcpledger_calls_total", 1)
    return daemon


def test_every_metric_of_the_dashboard_is_exposed(busy_daemon):
    asked = {HISTOGRAM_PARTS.sub("", name) for text in expressions() for name in METRIC.findall(text)} - LABELS
    assert len(asked) > 10
    assert asked <= exposed(busy_daemon)


def test_every_label_of_the_dashboard_is_on_its_metric(busy_daemon):
    labels = {}
    for name, its, _ in busy_daemon.metrics():
        labels.setdefault(HISTOGRAM_PARTS.sub("", name), set()).update(its)
    for text in expressions():
        wanted = set(re.findall(r"(\w+)=~?\"", text))
        for group in re.findall(r"by \(([^)]*)\)", text):
            wanted |= {label.strip() for label in group.split(",")}
        wanted -= {"job", "instance", "le"}  # Prometheus adds the first two
        for name in set(METRIC.findall(text)) - LABELS:
            missing = wanted - labels.get(HISTOGRAM_PARTS.sub("", name), set())
            assert not missing, f"{name} has no label {missing}: {text}"


def test_panels_do_not_overlap():
    taken = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                 for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


def test_prometheus_answers_every_query_of_the_dashboard(prometheus_of, busy_daemon):
    server = prometheus_of(busy_daemon)
    ledgerlib.wait_until(lambda: server.query("count_over_time(mcpledger_build_info[1m]) > 2"), "three scrapes")
    # What happens while it watches: rates are of growth.
    busy_daemon.accept(ledgerlib.one_of_every_kind())
    busy_daemon.accept(ledgerlib.tool_call(observer={"role": "server"}, server={"name": "s"}, duration_ns=1))
    grown = "rate(mcp_server_operation_duration_seconds_count[1m]) > 0"
    ledgerlib.wait_until(lambda: server.query(grown), "a scrape of the growth")
    for text in [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]:
        query = text.replace("$__rate_interval", "1m").replace("$job", ".*").replace("$server", ".*")
        found = server.query(query)
        assert found or "> 0" in query, query
        assert not found or not all(math.isnan(value) for value in found.values()), query
