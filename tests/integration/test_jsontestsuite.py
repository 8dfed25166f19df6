"""JSONTestSuite's files as the `request` of an event: refused without harm to its neighbours, or kept byte for byte."""

import io
import json
import subprocess
import tarfile

import pytest
from canonical import canonical, split_export
from ledgerlib import tool_call

DEPTH_MAX = 64  # ingest.depth_max; request stands one object deeper


@pytest.fixture
def suite(shared_data):
    """[(name, bytes)] of all files."""
    packed = subprocess.run(["zstd", "-dc", shared_data / "jsontestsuite.tar.zst"], capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        return [(member.name.rpartition("/")[2], archive.extractfile(member).read()) for member in archive
                if member.name.endswith(".json")]


def event_with(event_id, request):
    head = json.dumps(tool_call("parse", id=event_id))[:-1].encode()
    return head + b',"request":' + request + b"}"


def test_every_must_reject_file_is_refused_and_its_neighbours_are_stored(daemon, suite):
    """Alone in its body: what a broken text makes of a body around it, test_bad_input tells."""
    files = [(name, content) for name, content in suite if name.startswith("n_")]
    assert len(files) == 188
    for number, (name, content) in enumerate(files):
        daemon.accept(tool_call("before", id=f"before-{number}"))
        answer = daemon.post(event_with(name, content))
        assert answer.status == 400, (name, answer)
        assert answer.json()["accepted"] == 0, name
        assert answer.json()["rejected_total"] >= 1, name
        daemon.accept(tool_call("after", id=f"after-{number}"))
    ids = [json.loads(line)["id"] for line in daemon.export()]
    assert ids == [f"{side}-{number}" for number in range(len(files)) for side in ("before", "after")]


def test_a_refused_line_leaves_the_lines_around_it(daemon, suite):
    """As lines of NDJSON, all in one body; files with newlines or open strings in them are for the test above."""
    files = [(name, content) for name, content in suite if name.startswith("n_") and b"\n" not in content
             and b"\r" not in content and len(content) < 1000]
    lines = []
    for number, (name, content) in enumerate(files):
        lines += [json.dumps(tool_call(id=f"good-{number}")).encode(), event_with(name, content)]
    answer = daemon.post(b"\n".join(lines))
    assert answer.status == 200, answer
    assert answer.json()["accepted"] == len(files)
    assert answer.json()["rejected_total"] == len(files)
    assert [json.loads(line)["id"] for line in daemon.export()] == [f"good-{number}" for number in range(len(files))]


def test_every_must_accept_file_is_kept_byte_for_byte(daemon, suite):
    files = [(name, content) for name, content in suite if name.startswith("y_")]
    assert len(files) == 95
    for name, content in files:
        daemon.accept(event_with(name, content))
    kept = [split_export(line)[0] for line in daemon.export()]
    for (name, content), line in zip(files, kept, strict=True):
        assert line == canonical(event_with(name, content)), name


def test_the_implementation_defined_files_are_kept_exactly_or_refused(daemon, suite):
    """Whatever is kept is kept as it was sent; a lone surrogate's escape and a number beyond a double are kept."""
    files = dict((name, content) for name, content in suite if name.startswith("i_"))
    for name, content in files.items():
        answer = daemon.post(event_with(name, content))
        assert answer.status in (200, 400), (name, answer)
    kept = {json.loads(line)["id"]: split_export(line)[0] for line in daemon.export()}
    for name, line in kept.items():
        assert line == canonical(event_with(name, files[name])), name
    assert {"i_number_huge_exp.json", "i_string_1st_surrogate_but_2nd_missing.json",
            "i_number_too_big_pos_int.json"} <= kept.keys()


def test_a_null_request_is_kept_and_nesting_has_a_limit(daemon):
    daemon.accept(event_with("null", b" null "))
    daemon.accept(event_with("deep", b"[" * (DEPTH_MAX - 1) + b"]" * (DEPTH_MAX - 1)))
    answer = daemon.post(event_with("deeper", b"[" * DEPTH_MAX + b"]" * DEPTH_MAX))
    assert answer.status == 400
    assert "nested deeper" in answer.json()["rejected"][0]["error"]
    null, deep = (split_export(line)[0] for line in daemon.export())
    assert null.endswith(b'"request":null}')
    assert deep.endswith(b"[" * (DEPTH_MAX - 1) + b"]" * (DEPTH_MAX - 1) + b"}")
