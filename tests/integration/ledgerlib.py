"""The real daemon and the real command line, as the integration tests drive them.

A test never sleeps: it waits for a counter of the daemon's own (`Daemon.wait_for`), a file or a line.
"""

import base64
import contextlib
import gzip
import http.client
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("MCPLEDGER_TEST_BUILD", ROOT / "build")).resolve()
SHARED_DATA = Path(os.environ.get("MCPLEDGER_TEST_DATA", ROOT.parent / "shared" / "data"))
PROMETHEUS = ROOT / ".cache" / "prometheus" / "usr" / "bin"
DAEMON = BUILD / "collector" / "mcpledgerd"
CLI = BUILD / "query" / "mcpledger"

NOBODY = 65534
# The long forms take hours, in which somebody else may need the machine.
WAIT_SECONDS = STOP_SECONDS = 600 if os.environ.get("MCPLEDGER_CRASH_LONG") == "1" else 30

_SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)')
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPES = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}


def wait_until(condition, what, seconds=WAIT_SECONDS):
    """Polls condition() until it is true and returns its value; fails with what() or the text `what`."""
    deadline = time.monotonic() + seconds
    pause = 0.002
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for: {what() if callable(what) else what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def clean_environment(extra=None):
    """The environment without settings of the caller's own."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("MCPLEDGER_")}
    env["TZ"] = "UTC"
    env.update(extra or {})
    return env


class Response:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:200]!r}>"


def parse_metrics(text):
    """[(name, {label: value}, number)] of a text exposition."""
    samples = []
    for line in text.splitlines():
        match = _SAMPLE.match(line) if line and not line.startswith("#") else None
        if match:
            labels = {
                key: re.sub(r'\\[n"\\]', lambda m: _ESCAPES[m.group()], value)
                for key, value in _LABEL.findall(match.group(2) or "")
            }
            samples.append((match.group(1), labels, float(match.group(3))))
    return samples


class Daemon:
    """One mcpledgerd on free ports, its store in `folder`/store.  start() again after stop() or kill() reopens it.

    settings: {"http.listen": "…"} become MCPLEDGER_… variables; config: text of a YAML file.
    """

    def __init__(self, folder, settings=None, config=None, arguments=(), command=()):
        self.folder = Path(folder)
        self.data = self.folder / "store"
        self.log_path = self.folder / "mcpledgerd.log"
        self.ready_path = self.folder / "ready.json"
        self.settings = {"http.listen": "127.0.0.1:0", "udp.listen": "127.0.0.1:0"}
        self.settings.update(settings or {})
        self.config = config
        self.arguments = list(arguments)
        self.command = list(command)  # what runs the daemon, such as unshare or strace
        self.process = None
        self.ready = {}

    # -- life --

    def command_line(self):
        line = [*self.command, DAEMON, "--data", self.data, "--ready-file", self.ready_path]
        if self.config is not None:
            path = self.folder / "mcpledger.yaml"
            path.write_text(self.config)
            line += ["-c", path]
        return [str(part) for part in [*line, *self.arguments]]

    def spawn(self):
        """Starts the process without waiting for it to be ready."""
        assert self.process is None, "already running"
        self.ready_path.unlink(missing_ok=True)
        variables = {f"MCPLEDGER_{k.replace('.', '_').upper()}": str(v) for k, v in self.settings.items()}
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command_line(), env=clean_environment(variables), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def start(self):
        self.spawn()
        if not self.wait_until_ready_or_ended():
            raise AssertionError(f"mcpledgerd ended with {self.process.returncode}:\n{self.log()}")
        return self

    def wait_until_ready_or_ended(self):
        """False: the process that was spawned has ended."""
        self.ready = {}

        def is_ready_or_ended():
            with contextlib.suppress(FileNotFoundError):  # also of one that was ready, and ends: it removes the file
                self.ready = json.loads(self.ready_path.read_text())
            return self.ready or self.process.poll() is not None

        wait_until(is_ready_or_ended, lambda: f"the ready file; log:\n{self.log()}")
        return bool(self.ready)

    def stop(self, number=signal.SIGTERM):
        """A clean stop; asserts that it was one."""
        process, self.process = self.process, None
        process.send_signal(number)
        status = process.wait(STOP_SECONDS)
        assert status == 0, f"stopped with {status}:\n{self.log()}"

    def kill(self):
        process, self.process = self.process, None
        process.kill()
        process.wait(STOP_SECONDS)

    def close(self):
        """What a fixture does at the end: a clean stop where the test left it running."""
        if self.process is None:
            return
        if self.process.poll() is not None:
            raise AssertionError(f"mcpledgerd ended by itself with {self.process.returncode}:\n{self.log()}")
        self.stop()

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def wait_for_log(self, words, seconds=WAIT_SECONDS):
        wait_until(lambda: words in self.log(), lambda: f"{words!r} in the log:\n{self.log()}", seconds)

    def signal(self, number):
        self.process.send_signal(number)

    @property
    def pid(self):
        return self.process.pid

    def status_kb(self, name):
        """A line of /proc/PID/status in KiB, such as RssAnon."""
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"^{name}:\s+(\d+) kB", text, re.M).group(1))

    # -- HTTP and UDP --

    @property
    def url(self):
        return f"http://{self.ready['http']}"

    def http_address(self):
        host, port = self.ready["http"].rsplit(":", 1)
        return host.strip("[]"), int(port)

    def udp_address(self):
        host, port = self.ready["udp"].rsplit(":", 1)
        return host.strip("[]"), int(port)

    def request(self, method, path, body=None, headers=None, timeout=WAIT_SECONDS):
        connection = http.client.HTTPConnection(*self.http_address(), timeout=timeout)
        with contextlib.closing(connection):
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return Response(answer.status, answer.headers, answer.read())

    def get(self, path, **kwargs):
        return self.request("GET", path, **kwargs)

    def post(self, events, headers=None, compress=False, path="/v1/events", **kwargs):
        """Posts bytes, text, one event (dict) or a list of events (as NDJSON)."""
        body = as_body(events)
        headers = dict(headers or {})
        headers.setdefault("Content-Type", "application/json")
        if compress:
            body = gzip.compress(body)
            headers["Content-Encoding"] = "gzip"
        return self.request("POST", path, body=body, headers=headers, **kwargs)

    def accept(self, events, **kwargs):
        """Posts and asserts that every event was taken; returns the answer."""
        answer = self.post(events, **kwargs)
        assert answer.status == 200, answer
        counts = answer.json()
        assert counts["rejected_total"] == 0, counts
        return counts

    def send_udp(self, *datagrams):
        address = self.udp_address()
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            for datagram in datagrams:
                sender.sendto(as_body(datagram), address)

    def connect(self, timeout=WAIT_SECONDS):
        """A raw TCP connection to the HTTP listener."""
        return socket.create_connection(self.http_address(), timeout)

    # -- counters --

    def metrics(self):
        answer = self.get("/metrics")
        assert answer.status == 200, answer
        return parse_metrics(answer.body.decode())

    def metric(self, name, **labels):
        """The sum of a metric's samples that carry these labels; 0 where there is none."""
        return sum(value for found, its, value in self.metrics()
                   if found == name and all(its.get(k) == v for k, v in labels.items()))

    def wait_for(self, name, value, seconds=WAIT_SECONDS, **labels):
        """Waits until the metric is at least value; returns it."""
        last = None

        def reached():
            nonlocal last
            last = self.metric(name, **labels)
            return last >= value

        wait_until(reached, lambda: f"{name}{labels} >= {value}, is {last}; log:\n{self.log()}", seconds)
        return last

    # -- command line --

    def cli(self, *arguments, **kwargs):
        """The command line against this daemon, over HTTP."""
        return run_cli("--url", self.url, *arguments, **kwargs)

    def cli_on_store(self, *arguments, **kwargs):
        """The command line on this daemon's store directory."""
        return run_cli("--data", self.data, *arguments, **kwargs)

    def export(self):
        """Lines (bytes) of `export` of the store directory, running or not, without the collector's own events."""
        return [line for line in export_lines(self.data) if json.loads(line)["kind"] != "ledger"]


def as_body(events):
    if isinstance(events, bytes):
        return events
    if isinstance(events, str):
        return events.encode()
    if isinstance(events, dict):
        events = [events]
    return b"".join(json.dumps(event, ensure_ascii=False).encode() + b"\n" for event in events)


def run_cli(*arguments, status=0, stdin=None, env=None, timeout=120):
    """Runs mcpledger; asserts its exit status unless status is None.  Output is bytes."""
    done = subprocess.run([str(CLI), *map(str, arguments)], input=stdin if stdin is not None else b"",
                          capture_output=True, env=clean_environment(env), timeout=timeout, check=False)
    if status is not None:
        assert done.returncode == status, f"{arguments} ended with {done.returncode}:\n{done.stderr.decode()}"
    return done


def cli_of_nobody(folder):
    """Runs the command line as a user who owns nothing, from a copy that this user can reach wherever the build is."""
    program = shutil.copy(CLI, folder / "mcpledger")
    nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}

    def run(*arguments, status=0):
        done = subprocess.run([str(program), *map(str, arguments)], capture_output=True, timeout=60, check=False,
                              cwd=folder, env=clean_environment(), **nobody)
        assert status is None or done.returncode == status, done.stderr
        return done
    return run


def export_lines(*stores):
    """`export` of store directories: its lines as bytes, without the newline."""
    options = [part for store in stores for part in ("--data", store)]
    return run_cli(*options, "export").stdout.splitlines()


def disk_bytes(folder):
    """What a folder takes on disk; of what is removed meanwhile, nothing."""
    total = 0
    for path in Path(folder).rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_blocks * 512 if path.is_file() else 0
    return total


def tool_call(name="echo", **members):
    """The smallest useful event, with members of the caller's own."""
    return {"kind": "tool_call", "action": "tools/call", "target": {"type": "tool", "name": name}, **members}


def noisy_event(rng, event_id, large=0.02):
    """An event as JSON text, mostly random bytes, so that it is as large in the store; so many are kept apart."""
    size = rng.choice((10, 100, 3000)) if rng.random() >= large else rng.randrange(100_000, 150_000)
    blob = base64.b64encode(rng.randbytes(size)).decode()
    event = tool_call(rng.choice(("read", "write", "list")), id=event_id, time=time.time_ns(),
                                session_id=f"s{rng.randrange(50)}", request={"blob": blob, "n": rng.randrange(10**18)})
    return json.dumps(event, indent=rng.choice((None, None, 0))).replace("\n", " ").encode()


def one_of_every_kind():
    """Events that give every family of metrics a sample, with hostile names."""
    server = {"name": 'a "b\\ \u202e', "version": "1", "instance": "pod\n7"}
    now = time.time_ns()
    return [
        {"kind": "connection", "phase": "initialize", "session_id": "s", "server": server, "client": {"name": "c"}},
        {"kind": "connection", "phase": "close", "session_id": "s", "server": server, "duration_ns": 10**10},
        {"kind": "connection", "phase": "close", "session_id": "t", "duration_ns": 10**10,
         "observer": {"role": "client"}},
        {"kind": "auth", "step": "authz", "result": "deny", "server": server, "reason": 'a "quoted"\nreason'},
        {"kind": "resource_usage", "server": server, "cpu_ns": 5, "rss_bytes": 7, "net_rx_bytes": 1, "net_tx_bytes": 1},
        {"kind": "heartbeat", "observer": {"name": 'x"\\\n', "instance": "1"}, "time": now - 5 * 10**9},
        tool_call("of a client", server=server, observer={"role": "client"}, duration_ns=1, time=now),
        tool_call("denied", server=server, outcome={"http_status": 403}),
        tool_call("failing", server=server, outcome={"tool_error": True}),
    ]


def raise_file_limit(count=4096):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard), hard))
