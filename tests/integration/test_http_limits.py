"""Bodies too large, compressed bombs, senders that are slow or leave: refused or cut, and everybody else is served."""

import contextlib
import gzip
import http.client
import signal
import socket
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ledgerlib

MIB = 1024 * 1024
BODY_MAX = 64 * MIB
HEAD = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\n"


def ingested(daemon):
    return daemon.metric("mcpledger_ingest_events_total", source="http", result="stored")


def answer_code(connection):
    answer = b""
    while b"\r\n" not in answer:
        piece = connection.recv(65536)
        if not piece:
            return None
        answer += piece
    return int(answer.split()[1])


def closed_within(connection, seconds):
    """Whether the server closes, without an answer, within so many seconds."""
    connection.settimeout(seconds)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False


def test_a_body_of_one_byte_too_many_is_413(daemon):
    answer = daemon.post(b" " * (BODY_MAX + 1))
    assert answer.status == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert ingested(daemon) == 0
    assert daemon.status_kb("RssAnon") < 256 * 1024


def test_a_chunked_body_of_one_byte_too_many_is_413(daemon):
    pieces = (b" " * MIB for _ in range(65))
    answer = daemon.request("POST", "/v1/events", body=pieces)  # http.client sends it chunked
    assert answer.status == 413
    assert ingested(daemon) == 0
    assert daemon.status_kb("RssAnon") < 256 * 1024


def test_who_asks_before_sending_is_refused_before_sending(daemon):
    with daemon.connect() as connection:
        connection.sendall(HEAD + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % (BODY_MAX + 1))
        assert answer_code(connection) == 413


def test_who_asks_before_sending_may_go_on(daemon):
    body = ledgerlib.as_body(ledgerlib.tool_call())
    with daemon.connect() as connection:
        connection.sendall(HEAD + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body))
        assert answer_code(connection) == 100
        connection.sendall(body)
        assert answer_code(connection) == 200


def test_a_gzip_body_is_unpacked(daemon):
    assert daemon.accept([ledgerlib.tool_call() for _ in range(500)], compress=True)["accepted"] == 500


def test_gzip_bombs_are_413_and_stop_early(daemon):
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(b" " * MIB) for _ in range(1024)) + packer.flush()
    assert len(bomb) < 6 * MIB
    # The length at the end of a gzip text is the sender's claim: a small one must not be believed.
    for claim in (bomb[-4:], b"\x10\x00\x00\x00"):
        answer = daemon.request("POST", "/v1/events", body=bomb[:-4] + claim, headers={"Content-Encoding": "gzip"})
        assert answer.status == 413
    assert ingested(daemon) == 0
    assert daemon.status_kb("RssAnon") < 256 * 1024


def test_a_bomb_of_many_members_is_413(daemon):
    member = gzip.compress(b" " * MIB)
    answer = daemon.request("POST", "/v1/events", body=member * 100, headers={"Content-Encoding": "gzip"})
    assert answer.status == 413


def test_broken_gzip_is_400_and_other_codings_415(daemon):
    whole = gzip.compress(ledgerlib.as_body(ledgerlib.tool_call()))
    for broken in (whole[:-9], whole[:-1] + b"x", b"no gzip at all", whole + b"tail"):
        answer = daemon.request("POST", "/v1/events", body=broken, headers={"Content-Encoding": "gzip"})
        assert answer.status == 400, broken
    for coding in ("br", "deflate", "gzip, gzip"):
        answer = daemon.request("POST", "/v1/events", body=whole, headers={"Content-Encoding": coding})
        assert answer.status == 415, coding
    assert ingested(daemon) == 0


def test_half_sent_bodies_are_never_ingested(daemon):
    body = ledgerlib.as_body(ledgerlib.tool_call())
    for ends in (lambda c: c.shutdown(socket.SHUT_WR), lambda c: None):
        for _ in range(10):
            with daemon.connect() as connection:
                connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % (2 * len(body)) + body)
                ends(connection)
    ledgerlib.wait_until(lambda: daemon.metric("mcpledger_http_connections") == 1, "the connections' end")
    assert ingested(daemon) == 0


def test_slow_senders_are_cut_and_nobody_waits_for_them(make_daemon):
    daemon = make_daemon(settings={"http.request_time_max": "1s"})
    starts = [b"", b"POST", HEAD, HEAD + b"X: ", HEAD + b"Content-Length: 100\r\n\r\n",
              HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n"]
    connections = []
    for start in starts:
        connection = daemon.connect()
        connection.sendall(start)
        connections.append(connection)
    begun = time.monotonic()
    open_still = list(connections)
    while open_still and time.monotonic() - begun < 10:
        assert daemon.accept(ledgerlib.tool_call())["accepted"] == 1
        for connection in list(open_still):
            with contextlib.suppress(OSError):
                connection.sendall(b"1")  # one byte now and then would reset a timeout of silence
            if closed_within(connection, 0.05):
                open_still.remove(connection)
    elapsed = time.monotonic() - begun
    for connection in connections:
        connection.close()
    assert not open_still
    assert elapsed < 5
    assert daemon.metric("mcpledger_http_limit_hits_total", limit="http.request_time_max") == len(starts)


def test_connections_of_one_address_are_limited_and_told_so(make_daemon):
    daemon = make_daemon(settings={"http.connections_per_address_max": "4"})
    connections = [daemon.connect() for _ in range(4)]
    try:
        ledgerlib.wait_until(lambda: daemon.get("/healthz").status == 503, "the limit")
    finally:
        for connection in connections:
            connection.close()
    ledgerlib.wait_until(lambda: daemon.get("/healthz").status == 200, "room again")
    assert daemon.metric("mcpledger_http_limit_hits_total", limit="http.connections_per_address_max") >= 1


def test_256_kept_connections_of_single_events(daemon):
    ledgerlib.raise_file_limit()
    body = ledgerlib.as_body(ledgerlib.tool_call())
    request = HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)

    def post(connection):
        connection.sendall(request)
        return answer_code(connection)

    connections = [daemon.connect() for _ in range(256)]
    try:
        with ThreadPoolExecutor(64) as pool:
            for _ in range(4):
                assert set(pool.map(post, connections)) == {200}
        assert daemon.metric("mcpledger_http_connections") == 257  # and the one that asks
        assert ingested(daemon) == 1024
    finally:
        for connection in connections:
            connection.close()


def is_stopped(daemon):
    return Path(f"/proc/{daemon.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_clients_that_send_at_the_same_moment_are_all_answered(make_daemon):
    """128 are as many events as the library asks epoll for at once, with all of them on one thread."""
    daemon = make_daemon(settings={"http.threads": 1, "http.request_time_max": "10m"})
    clients = [http.client.HTTPConnection(*daemon.http_address(), timeout=ledgerlib.WAIT_SECONDS) for _ in range(128)]

    def ask(client):
        client.request("GET", "/healthz")

    def code(client):
        with client.getresponse() as answer:
            answer.read()
            return answer.status

    with contextlib.ExitStack() as stack:
        for client in clients:
            stack.enter_context(contextlib.closing(client))
            ask(client)
            assert code(client) == 200
        daemon.signal(signal.SIGSTOP)
        ledgerlib.wait_until(lambda: is_stopped(daemon), lambda: "the daemon to stop")
        for client in clients:
            ask(client)
        daemon.signal(signal.SIGCONT)
        assert [code(client) for client in clients] == [200] * len(clients)


def test_a_head_is_read_up_to_some_limit_and_refused_beyond(daemon):
    for size, code in ((16_000, 200), (64_000, 431)):
        assert daemon.request("GET", "/healthz", headers={"X-Long": "x" * size}).status == code
    assert daemon.get("/healthz").status == 200
