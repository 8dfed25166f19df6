"""/metrics in OpenMetrics: what a parser finds that is held to OpenMetrics' own test data."""

import gzip
import io
import json
import re
import subprocess
import tarfile

import ledgerlib
import openmetrics
import pytest

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
PROMETHEUS_ACCEPT = ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                     "text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def test_the_parser_judges_openmetrics_own_test_data(shared_data):
    packed = subprocess.run(["zstd", "-dc", shared_data / "openmetrics.tar.zst"], capture_output=True, check=True)
    judged = {True: 0, False: 0}
    wrong = []
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        for member in archive:
            if not member.name.endswith("/test.json"):
                continue
            case = json.load(archive.extractfile(member))
            text = archive.extractfile(member.name.removesuffix("test.json") + case["file"]).read()
            try:
                openmetrics.parse(text)
                parsed = True
            except ValueError:
                parsed = False
            judged[parsed] += 1
            if parsed != case["shouldParse"]:
                wrong.append(member.name)
    assert not wrong
    assert judged[True] > 40
    assert judged[False] > 150


@pytest.fixture
def busy_daemon(daemon):
    """Something of everything, hostile label values and trace ids too."""
    daemon.accept([
        ledgerlib.tool_call(f"tool-{number % 7}", id=f"o-{number}", duration_ns=number * 10_000_000,
                            observer={"role": "client" if number % 2 else "server"}, trace_id=f"{number + 1:032X}",
                            server={"name": 'quote " back \\ newline \n é \u202e'},
                            outcome={"tool_error": number % 3 == 0})
        for number in range(250)
    ])
    for trace in ("0" * 32, "xyz", "4bf92f35", TRACE + "0", 'a"b\\c\n' * 10, ""):
        daemon.accept(ledgerlib.tool_call("untraced", duration_ns=1, trace_id=trace))
    daemon.accept(ledgerlib.tool_call("traced", duration_ns=33_000_000, trace_id=TRACE.upper()))
    daemon.accept(ledgerlib.tool_call("traced", duration_ns=33_000_000))
    daemon.accept(ledgerlib.one_of_every_kind())
    assert daemon.post("{").status == 400
    daemon.wait_for("mcpledger_calls_total", 261)
    return daemon


def scrape(daemon):
    answer = daemon.get("/metrics", headers={"Accept": PROMETHEUS_ACCEPT})
    assert answer.headers["Content-Type"] == OPENMETRICS
    return answer.body.decode()


def labelled(samples, **labels):
    return [sample for sample in samples if all(sample.labels.get(key) == value for key, value in labels.items())]


def test_what_is_exposed_is_openmetrics(busy_daemon):
    text = scrape(busy_daemon)
    families = openmetrics.parse(text)
    assert {family.type for family in families.values()} == {"counter", "gauge", "histogram", "info"}
    for family in families.values():
        assert family.said >= {"TYPE", "HELP"}, family.name
        assert family.help.endswith("."), family.name
        assert ("UNIT" in family.said) == family.name.endswith(("_seconds", "_bytes")), family.name
    assert families["mcpledger_build"].samples[0].labels["version"]
    for line in text.splitlines():
        assert not line.startswith("# HELP") or not re.search(r'(?<!\\)"', line), line


def test_both_formats_tell_the_same(busy_daemon):
    moving = re.compile(r"process_|mcpledger_(http|store|queue|dedup|commit|ingest_events|emitter)")

    def of(samples):
        return {(name, frozenset((key, float(value) if key == "le" else value) for key, value in labels.items())): value
                for name, labels, value in samples if not moving.match(name)}

    families = openmetrics.parse(scrape(busy_daemon))
    opened = of((sample.name, sample.labels, sample.value) for family in families.values() for sample in family.samples)
    assert opened == of(busy_daemon.metrics())
    assert len(opened) > 500


def test_exemplars_are_valid_trace_ids_in_their_buckets(busy_daemon):
    families = openmetrics.parse(scrape(busy_daemon))
    found = 0
    for family in families.values():
        for sample in family.samples:
            if sample.exemplar is None:
                continue
            found += 1
            labels, value, timestamp = sample.exemplar
            assert set(labels) == {"trace_id"}
            assert re.fullmatch(r"[0-9a-f]{32}", labels["trace_id"])
            assert int(labels["trace_id"], 16)
            assert timestamp == pytest.approx(ledgerlib.time.time(), abs=600)
            if sample.suffix == "_bucket":
                assert value <= float(sample.labels["le"])
            if labels["trace_id"] != TRACE:  # its number is its duration
                assert value == (1 if sample.suffix == "_total" else (int(labels["trace_id"], 16) - 1) / 100)
    assert found > 50
    calls = families["mcpledger_calls"].samples
    assert [sample.exemplar for sample in labelled(calls, gen_ai_tool_name="untraced")] == [None]
    assert [sample.exemplar[0] for sample in labelled(calls, gen_ai_tool_name="traced")] == [{"trace_id": TRACE}]
    buckets = labelled(families["mcp_server_operation_duration_seconds"].samples, gen_ai_tool_name="traced")
    assert {sample.labels["le"]: sample.exemplar[:2] for sample in buckets if sample.exemplar} == {
        "0.05": ({"trace_id": TRACE}, 0.033)}


@pytest.mark.parametrize(("accept", "content_type"), [
    (PROMETHEUS_ACCEPT, OPENMETRICS),
    ("application/openmetrics-text", OPENMETRICS),
    ("text/plain;version=0.0.4", TEXT),
    ("text/html,*/*;q=0.8", TEXT),
    ("application/openmetrics-text;version=0.0.1", TEXT),
    (None, TEXT),
])
def test_the_format_is_negotiated(daemon, accept, content_type):
    answer = daemon.get("/metrics", headers={"Accept": accept} if accept else {})
    assert answer.headers["Content-Type"] == content_type
    assert answer.body.endswith(b"\n# EOF\n") == (content_type == OPENMETRICS)


def test_gzip_holds_the_same(busy_daemon):
    plain = scrape(busy_daemon)
    answer = busy_daemon.get("/metrics", headers={"Accept": PROMETHEUS_ACCEPT, "Accept-Encoding": "gzip;q=1.0, *;q=0"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.headers["Content-Type"] == OPENMETRICS
    assert openmetrics.parse(gzip.decompress(answer.body)).keys() == openmetrics.parse(plain).keys()
    assert "Content-Encoding" not in busy_daemon.get("/metrics", headers={"Accept-Encoding": "gzip;q=0"}).headers


def test_a_hostile_emitter_takes_no_more_than_its_share_of_label_sets(make_daemon):
    daemon = make_daemon(settings={"metrics.series_max": 1000})
    daemon.accept([ledgerlib.tool_call(f"known-{number}") for number in range(20)])
    daemon.accept([ledgerlib.tool_call(f"{number}-" + "x" * 900, error={"type": str(number)})
                   for number in range(10_000)])
    daemon.accept([ledgerlib.tool_call(f"known-{number}") for number in range(20)])
    daemon.wait_for("mcpledger_calls_total", 10_040)
    families = openmetrics.parse(scrape(daemon))
    calls = families["mcpledger_calls"].samples
    assert sum(sample.value for sample in calls) == 10_040
    for number in range(20):
        assert [sample.value for sample in labelled(calls, gen_ai_tool_name=f"known-{number}")] == [2]
    assert len(calls) == 501
    assert [sample.value for sample in labelled(calls, otel_metric_overflow="true")] == [10_000 - 480]
    assert all(len(sample.labels.get("gen_ai_tool_name", "").encode()) <= 256 for sample in calls)
    overflowed = labelled(families["mcpledger_metric_label_sets_overflowed"].samples, family="mcpledger_calls_total")
    assert [sample.value for sample in overflowed] == [4096]
