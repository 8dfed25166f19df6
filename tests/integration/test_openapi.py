"""openapi.yaml is what the daemon does: paths and parameters are those of the tables, schemas those of the answers."""

import json
import os
import random
import re

import ledgerlib
import pytest

yaml = pytest.importorskip("yaml", reason="PyYAML is not there: tests/requirements.txt names it")
schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not there: tests/requirements.txt names it")

OPENAPI = ledgerlib.ROOT / "query" / "openapi.yaml"
API = "/api/v1/"
NOT_VERBS = {"events", "events/{id}", "answer", "openapi.yaml"}
COMMON = {"q", "id", "since", "until", "time", "tenant", "limit", "output"}
TO_STDERR = {"quiet", "explain", "require_complete"}
HERE = {"data", "url", "token_file", "utc", "follow", "match_file", "checkpoint"}
OWN_OF_TAIL = {"cursor", "coverage", "width", "color", "Last-Event-ID", "quiet"}
QUESTIONS = {
    "show": ["id=SEQ"], "related": ["id=SEQ", "q=OPS-102"], "diff": ["q=user:ben@example.com&since=14d"],
    "timeline": ['q="partner check"'], "report": ["q=usage", "q=tools", "q=credentials"],
    "stats": ["", "by=tool", "by=hour"], "first-seen": ["since=14d"], "export": [], "tail": [],
}


@pytest.fixture(scope="module")
def document():
    return yaml.safe_load(OPENAPI.read_text())


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    daemon = ledgerlib.Daemon(tmp_path_factory.mktemp("demo")).start()
    try:
        daemon.cli("demo")
        daemon.seq = next(e["seq"] for e in map(json.loads, daemon.export()) if e["kind"] == "tool_call")
        yield daemon
    finally:
        daemon.close()


def reading_verbs():
    """{verb: parameters that its options make}, of those whose help offers both a directory and a collector."""
    listed = ledgerlib.run_cli("help").stdout.decode().split("\nOptions of all")[0].split("\nUsage:")[1]
    verbs = {}
    for verb in re.findall(r"^  (\w[\w-]*) ", listed, re.M):
        text = ledgerlib.run_cli("help", verb).stdout.decode()
        options = {name.replace("-", "_") for name in re.findall(r"^ +(?:-\w, )?--([\w-]+)", text, re.M)}
        if {"data", "url", "since"} <= options:
            verbs[verb] = options
    return verbs


def parameters(item, method="get"):
    return {one["name"] for one in [*item.get("parameters", []), *item[method].get("parameters", [])]}


def test_the_daemon_serves_the_file(demo):
    answer = demo.get(API + "openapi.yaml")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/yaml")
    assert answer.body == OPENAPI.read_bytes()


def test_its_paths_are_the_verbs(document):
    paths = {path.removeprefix(API) for path in document["paths"] if path.startswith(API)}
    assert paths - NOT_VERBS == set(reading_verbs())


def test_its_parameters_are_the_options(document):
    for verb, options in reading_verbs().items():
        wanted = COMMON | (options - TO_STDERR - HERE) | ({"match"} if "match_file" in options else set())
        if verb == "tail":
            wanted = (wanted | OWN_OF_TAIL) - {"id", "until"}
        assert parameters(document["paths"][API + verb]) == wanted, verb


def test_each_parameter_of_it_is_taken_and_no_other(document, demo):
    for path, item in document["paths"].items():
        if not path.startswith(API) or path.endswith(("answer", "openapi.yaml")):
            continue
        target = path.replace("{id}", "x")
        unknown = demo.get(f"{target}?no_such_parameter=1").json()["detail"]
        assert "there is no parameter" in unknown, path
        for name in parameters(item) - {"id", "Last-Event-ID"}:
            # A value that is wrong, given twice: the parameter is known, and nothing is looked for.
            detail = demo.get(f"{target}?{name}=%01&{name}=%02&no_such_parameter=1").json()["detail"]
            assert f'there is no parameter "{name}"' not in detail, (path, name)


def test_methods_are_those_of_the_daemon(document, demo):
    for path, item in document["paths"].items():
        allow = demo.request("BREW", path.replace("{id}", "x")).headers["Allow"]
        assert {m.upper() for m in item if m in ("get", "post")} <= set(allow.split(", ")), path


def test_answers_have_the_members_it_names(document, demo):
    schemas = document["components"]["schemas"]
    for verb in reading_verbs():
        content = document["paths"][API + verb]["get"]["responses"]["200"]["content"]
        found = re.search(r"'items': {'\$ref': '#/components/schemas/(\w+)'}", str(content.get("application/json")))
        for question in QUESTIONS.get(verb, [""]):
            answer = demo.get(f"{API}{verb}?{question.replace('SEQ', str(demo.seq)).replace(' ', '%20')}")
            assert answer.status == 200, (verb, question, answer)
            assert answer.headers["Content-Type"] in content, verb
            if not found or found.group(1) == "Event":
                continue
            named = set(schemas[found.group(1)]["properties"])
            for item in answer.json().get("items", []):
                # NAME_more is how many of a list were left out.
                assert {name for name in item if not name.endswith("_more")} <= named, (verb, question)


def test_the_daemon_keeps_to_it(demo, document):
    """Property-based: what schemathesis makes of the file, sent to the daemon; the seed is printed and can be set."""
    seed = int(os.environ.get("MCPLEDGER_TEST_SEED", random.randrange(1 << 32)))
    print(f"seed {seed}: MCPLEDGER_TEST_SEED={seed}")
    hypothesis = pytest.importorskip("hypothesis")
    checks = schemathesis.checks
    schema = schemathesis.openapi.from_dict(document)
    wanted = (checks.not_a_server_error, schemathesis.specs.openapi.checks.status_code_conformance,
              schemathesis.specs.openapi.checks.content_type_conformance,
              schemathesis.specs.openapi.checks.response_schema_conformance)
    tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path in (f"{API}tail", "/-/reload", "/v1/import", "/metrics"):
            continue  # without end; not a question

        @hypothesis.seed(seed)
        @hypothesis.settings(max_examples=15, deadline=None, database=None, derandomize=False,
                             suppress_health_check=list(hypothesis.HealthCheck))
        @hypothesis.given(case=operation.as_strategy())
        def run(case):
            nonlocal tried
            tried += 1
            case.call_and_validate(base_url=demo.url, checks=wanted, timeout=30)

        run()
    assert tried > 300
    assert demo.get("/readyz").status == 200
