"""Requests whose end two parties could read differently: none is answered as if it were sound, and nothing hidden in
one is ingested."""

import json
import re
import socket

import pytest

EVENT = b'{"kind":"tool_call","action":"tools/call","target":{"type":"tool","name":"hidden"}}\n'
HIDDEN = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(EVENT), EVENT)

# Where mcpledger and llhttp (in its strict mode) differ, and why.  "refused" and "taken" say what mcpledger does.
DIFFERENCES = {
    "003_connection": ("taken", "what follows a Connection: close is not looked at, so it does no harm"),
    "010_connection": ("taken", "an Upgrade is ignored, as RFC 9110 allows"),
    "014_connection": ("taken", "an Upgrade is ignored"),
    "015_connection": ("taken", "an Upgrade is ignored"),
    "016_connection": ("taken", "an Upgrade is ignored (and its Host refused with 403)"),
    "017_connection": ("taken", "an Upgrade is ignored (and its Host refused with 403)"),
    "027_content-length": ("refused", "libmicrohttpd takes no white space behind a length"),
    "028_content-length": ("refused", "libmicrohttpd takes no white space behind a length"),
    "033_content-length": ("refused", "the body is shorter than announced: closed without an answer"),
    "042_invalid": ("taken", "an unknown method with a known version is 405 or 403, not a broken request"),
    "052_invalid": ("taken", "an unknown method is 405"),
    "077_method": ("refused", "only paths are request targets"),
    "084_method": ("refused", "only HTTP is spoken"),
    "085_method": ("refused", "only HTTP is spoken"),
    "086_method": ("refused", "only HTTP is spoken"),
    "112_sample": ("refused", "HTTP/0.9 is not spoken"),
    "121_transfer-encoding": ("refused", "the body is not whole: closed without an answer"),
    "127_transfer-encoding": ("refused", "the body is not whole: closed without an answer"),
    "129_transfer-encoding": ("taken", "what stands in a chunk's extension is skipped unread"),
    "130_transfer-encoding": ("refused", "the body is not whole: closed without an answer"),
    "140_transfer-encoding": ("refused", "the only transfer coding taken is chunked, once"),
    "141_transfer-encoding": ("refused", "the only transfer coding taken is chunked, once"),
    "154_uri": ("refused", "only paths are request targets"),
    "155_uri": ("refused", "only paths are request targets"),
    "157_uri": ("refused", "only paths are request targets"),
    "158_uri": ("taken", "bytes that are not ASCII may stand in a query (and its Host is refused with 403)"),
    "161_uri": ("refused", "only paths are request targets"),
}


def exchange(daemon, data):
    """Sends bytes, ends the sending side, and returns the status codes of all answers until the server closes."""
    answer = b""
    with daemon.connect() as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        try:
            while piece := connection.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
    return [int(code) for code in re.findall(rb"^HTTP/1\.[01] (\d{3}) ", answer, re.M)]


def with_host(request):
    """The vectors seldom carry a Host, and without one each of them would be refused for that alone."""
    if re.search(rb"^host:", request, re.I | re.M):
        return request
    return re.sub(rb"( HTTP/1\.[01])\r\n", rb"\1\r\nHost: localhost\r\n", request)


def ingested(daemon):
    return daemon.metric("mcpledger_ingest_events_total", source="http", result="stored")


def vectors(folder):
    for line in (folder / "llhttp" / "expected.jsonl").read_text().splitlines():
        expected = json.loads(line)
        yield expected, (folder / "llhttp" / expected["file"]).read_bytes()


def test_llhttp_vectors_neither_crash_nor_hang(daemon, shared_data):
    for _, data in vectors(shared_data):
        exchange(daemon, data)
    assert daemon.get("/healthz").status == 200
    assert ingested(daemon) == 0


def test_llhttp_vectors_are_read_as_llhttp_reads_them(daemon, shared_data):
    found = {}
    for expected, data in vectors(shared_data):
        if expected["meta"].get("type") != "request":
            continue
        codes = exchange(daemon, with_host(data))
        refused = not codes or any(code in (400, 413, 414, 431, 501, 505) for code in codes)
        if refused != (expected["error"] is not None):
            found[expected["file"].removesuffix(".bin")] = "refused" if refused else "taken"
    assert found == {name: what for name, (what, _) in DIFFERENCES.items()}


def test_nothing_behind_a_broken_vector_is_ingested(daemon, shared_data):
    for expected, data in vectors(shared_data):
        name = expected["file"].removesuffix(".bin")
        if expected["meta"].get("type") != "request" or expected["error"] is None or name in DIFFERENCES:
            continue
        exchange(daemon, with_host(data).replace(b" /url ", b" /v1/events ") + HIDDEN)
        assert ingested(daemon) == 0, name


HEAD = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\n"
SHAPES = {
    "length_and_coding": HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "coding_and_length": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two_lengths": HEAD + b"Content-Length: 0\r\nContent-Length: 400\r\n\r\n",
    "same_length_twice": HEAD + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "list_of_lengths": HEAD + b"Content-Length: 0, 0\r\n\r\n",
    "signed_length": HEAD + b"Content-Length: +0\r\n\r\n",
    "hexadecimal_length": HEAD + b"Content-Length: 0x0\r\n\r\n",
    "space_before_colon": HEAD + b"Content-Length : 0\r\n\r\n",
    "tab_before_colon": HEAD + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
    "unknown_coding": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "coding_twice": HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "coding_list": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "coding_in_http_1_0": HEAD.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bare_lf": HEAD + b"X: a\nContent-Length: 0\r\n\r\n",
    "bare_lf_at_the_end": HEAD + b"Content-Length: 0\r\n\n",
    "bare_cr": HEAD + b"X: a\rContent-Length: 0\r\n\r\n",
    "folded": HEAD + b"X: a\r\n Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "folded_first": b"POST /v1/events HTTP/1.1\r\n Host: localhost\r\nContent-Length: 0\r\n\r\n",
    "nul_in_value": HEAD + b"X: a\0b\r\nContent-Length: 0\r\n\r\n",
    "nul_in_name": HEAD + b"X\0: a\r\nContent-Length: 0\r\n\r\n",
    "two_hosts": HEAD + b"Host: localhost\r\nContent-Length: 0\r\n\r\n",
    "no_host": b"POST /v1/events HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "absolute_target": HEAD.replace(b"/v1", b"http://localhost/v1") + b"Content-Length: 0\r\n\r\n",
    "space_in_target": HEAD.replace(b"/v1/events", b"/v1/events a") + b"Content-Length: 0\r\n\r\n",
    "chunk_size_wraps": HEAD + b"Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\n0\r\n\r\n",
    "negative_chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("name", SHAPES)
def test_smuggling_shapes_are_refused_with_all_that_follows(daemon, name):
    codes = exchange(daemon, SHAPES[name] + HIDDEN)
    assert set(codes) <= {400, 413} and codes, codes
    assert ingested(daemon) == 0


def test_the_hidden_request_would_be_ingested_if_it_were_seen(daemon):
    assert exchange(daemon, HIDDEN) == [200]
    assert ingested(daemon) == 1


def test_pipelined_requests_are_answered_in_order(daemon):
    codes = exchange(daemon, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
                     + HIDDEN + b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert codes == [200, 200, 404]
