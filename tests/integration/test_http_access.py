"""Who may reach the daemon over HTTP: pages of other sites, other hosts, tokens and their scopes, TLS."""

import hashlib
import json
import shutil
import socket
import ssl
import subprocess
import urllib.request

import ledgerlib
import pytest

SECRETS = {name: f"mcpl_{hashlib.sha256(name.encode()).hexdigest()}" for name in ("sender", "reader", "admin")}


def bearer(name):
    return {"Authorization": f"Bearer {SECRETS[name]}"}


@pytest.fixture
def tokens_file(tmp_path):
    scopes = {"sender": "ingest acme", "reader": "read acme", "admin": "admin *"}
    lines = [f"{hashlib.sha256(SECRETS[name].encode()).hexdigest()} {name} {what}\n" for name, what in scopes.items()]
    path = tmp_path / "tokens"
    path.write_text("# who may do what\n" + "".join(lines))
    return path


@pytest.fixture
def certificate(tmp_path):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not there to make a certificate")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                    "-keyout", tmp_path / "key.pem", "-out", tmp_path / "certificate.pem"],
                   check=True, capture_output=True)
    return tmp_path / "certificate.pem", tmp_path / "key.pem"


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/metrics", "/api/v1/events", "/nothing"])
@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_pages_of_other_sites_get_403_everywhere(daemon, path, origin):
    assert daemon.get(path, headers={"Origin": origin}).status == 403


def test_events_from_pages_of_other_sites_are_403(daemon):
    assert daemon.post(ledgerlib.tool_call(), headers={"Origin": "http://evil.example"}).status == 403
    assert daemon.post(ledgerlib.tool_call(), headers={"Origin": daemon.url}).status == 200


def test_names_that_now_resolve_to_this_machine_are_403(make_daemon):
    daemon = make_daemon(settings={"http.hosts": "ledger.example"})
    assert daemon.post(ledgerlib.tool_call(), headers={"Host": "evil.example"}).status == 403
    assert daemon.get("/metrics", headers={"Host": "evil.example:7373"}).status == 403
    for host in ("ledger.example", "localhost:1", "127.0.0.1", "[::1]:7373"):
        assert daemon.get("/healthz", headers={"Host": host}).status == 200, host


def test_methods_and_paths(daemon):
    answer = daemon.get("/v1/events")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")
    assert answer.json()["status"] == 405
    assert daemon.request("DELETE", "/metrics").headers["Allow"] == "GET, HEAD"
    assert daemon.request("OPTIONS", "/v1/events").status == 405
    assert daemon.get("/nothing").status == 404
    answer = daemon.request("HEAD", "/")
    assert (answer.status, answer.body) == (200, b"")


def test_scopes_decide(make_daemon, tokens_file):
    daemon = make_daemon(settings={"http.tokens_file": tokens_file})
    event = ledgerlib.tool_call(tenant="acme")
    answer = daemon.post(event)
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert daemon.post(event, headers={"Authorization": "Bearer mcpl_" + "0" * 64}).status == 401
    assert daemon.post(event, headers=bearer("reader")).status == 403
    assert daemon.post(event, headers=bearer("sender")).status == 200
    assert daemon.post(event, path="/v1/import", headers=bearer("sender")).status == 403
    assert daemon.get("/metrics").status == 401
    assert daemon.get("/metrics", headers=bearer("sender")).status == 403
    assert daemon.get("/metrics", headers=bearer("reader")).status == 200
    assert daemon.post(b"", path="/-/reload", headers=bearer("reader")).status == 403
    assert daemon.post(b"", path="/-/reload", headers=bearer("admin")).status == 200
    assert daemon.get("/healthz").status == 200
    secrets = "".join(SECRETS.values())
    assert not any(word in daemon.log() for word in [secrets, *SECRETS.values()])


def test_a_reload_takes_tokens_away(make_daemon, tokens_file):
    daemon = make_daemon(settings={"http.tokens_file": tokens_file})
    assert daemon.get("/metrics", headers=bearer("reader")).status == 200
    lines = tokens_file.read_text().splitlines(keepends=True)
    tokens_file.write_text("".join(line for line in lines if "reader" not in line))
    assert daemon.post(b"", path="/-/reload", headers=bearer("admin")).status == 200
    assert daemon.get("/metrics", headers=bearer("reader")).status == 401
    tokens_file.write_text("broken\n")
    answer = daemon.post(b"", path="/-/reload", headers=bearer("admin"))
    assert answer.status == 500 and "http.tokens_file" in answer.json()["detail"]
    assert daemon.get("/metrics", headers=bearer("admin")).status == 200


def run_until_it_ends(make_daemon, **settings):
    daemon = make_daemon(start=False, settings={"http." + key: value for key, value in settings.items()}).spawn()
    process, daemon.process = daemon.process, None
    try:
        return process.wait(ledgerlib.STOP_SECONDS), daemon.log()
    finally:
        process.kill()


def test_no_listener_beyond_loopback_without_tokens(make_daemon, tokens_file):
    status, log = run_until_it_ends(make_daemon, listen="0.0.0.0:0")
    assert status != 0
    assert "http.listen" in log and "http.tokens_file" in log
    daemon = make_daemon(settings={"http.listen": "0.0.0.0:0", "http.tokens_file": tokens_file})
    port = daemon.ready["http"].rsplit(":", 1)[1]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
        assert answer.status == 200


def test_a_busy_port_is_named_with_its_setting(make_daemon):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        address = f"127.0.0.1:{busy.getsockname()[1]}"
        status, log = run_until_it_ends(make_daemon, listen=address)
    assert status != 0
    assert "http.listen" in log and address in log


def test_tls(make_daemon, certificate):
    daemon = make_daemon(settings={"http.tls_certificate_file": certificate[0], "http.tls_key_file": certificate[1]})
    context = ssl.create_default_context(cafile=certificate[0])
    url = f"https://localhost:{daemon.http_address()[1]}"
    request = urllib.request.Request(url + "/v1/events", ledgerlib.as_body(ledgerlib.tool_call()), method="POST")
    with urllib.request.urlopen(request, timeout=10, context=context) as answer:
        assert json.load(answer)["accepted"] == 1
    # A plain request is no handshake.
    with daemon.connect() as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert not plain.recv(1000).startswith(b"HTTP")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with daemon.connect() as raw, pytest.raises(OSError):
        old.wrap_socket(raw)


def test_wrong_tls_files_are_named(make_daemon, certificate, tmp_path):
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    for settings in ({"tls_certificate_file": certificate[0]},
                     {"tls_certificate_file": broken, "tls_key_file": certificate[1]},
                     {"tls_certificate_file": tmp_path / "absent", "tls_key_file": certificate[1]}):
        status, log = run_until_it_ends(make_daemon, **settings)
        assert status != 0
        assert "http.tls_" in log


def test_a_unix_socket(make_daemon, tmp_path):
    path = tmp_path / "http.sock"
    daemon = make_daemon(settings={"http.listen": f"unix:{path}"})
    assert daemon.ready["http"] == f"unix:{path}"
    assert path.stat().st_mode & 0o777 == 0o600
    body = ledgerlib.as_body(ledgerlib.tool_call())
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(b"POST /v1/events HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200") or answer.startswith(b"HTTP/1.0 200")
    daemon.stop()
    assert not path.exists()
