"""What the benchmarks share: a daemon on a store, connections that post to it, the CPU and memory of a process."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "bench"
SAMPLE_EVERY_S = 0.02
START_SECONDS, STOP_SECONDS = 60, 120
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Sampler(threading.Thread):
    """Watches the daemon's anonymous memory."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.path = f"/proc/{pid}/status"
        self.peak_kib = 0
        self.done = threading.Event()

    def run(self):
        while not self.done.wait(SAMPLE_EVERY_S):
            try:
                with open(self.path) as status:
                    found = re.search(r"^RssAnon:\s+(\d+)", status.read(), re.M)
            except OSError:
                return
            if found:
                self.peak_kib = max(self.peak_kib, int(found.group(1)))


class Poster(threading.Thread):
    """One keep-alive connection that takes bodies until none is left."""

    def __init__(self, address, bodies, lock):
        super().__init__(daemon=True)
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.bodies, self.lock = bodies, lock
        self.accepted = 0
        self.latencies = []
        self.problem = None

    def run(self):
        try:
            with self.socket, self.socket.makefile("rb") as answers:
                while (body := self.next_body()) is not None:
                    self.post(body, answers)
        except (OSError, ValueError) as problem:
            self.problem = problem

    def next_body(self):
        with self.lock:
            return next(self.bodies, None)

    def post(self, body, answers):
        head = f"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        before = time.perf_counter()
        self.socket.sendall(head + body)
        status = answers.readline()
        length = 0
        while (line := answers.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        answer = answers.read(length)
        self.latencies.append(time.perf_counter() - before)
        if b" 200 " not in status:
            raise ValueError(f"{status.decode().strip()}: {answer[:300].decode()}")
        self.accepted += json.loads(answer)["accepted"]


def post_all(ready, bodies, connections):
    """Sends every body over so many connections; returns what was accepted, how long it took, and latencies."""
    host, port = ready["http"].rsplit(":", 1)
    queue, lock = iter(bodies), threading.Lock()
    posters = [Poster((host, int(port)), queue, lock) for _ in range(connections)]
    begin = time.perf_counter()
    for poster in posters:
        poster.start()
    for poster in posters:
        poster.join()
    seconds = time.perf_counter() - begin
    problems = [poster.problem for poster in posters if poster.problem]
    if problems:
        sys.exit(f"bench: {problems[0]}")
    latencies = sorted(latency for poster in posters for latency in poster.latencies)
    return {
        "accepted": sum(poster.accepted for poster in posters),
        "seconds": seconds,
        "p50_ms": latencies[len(latencies) // 2] * 1e3,
        "p99_ms": latencies[int(len(latencies) * 0.99)] * 1e3,
    }


def clean_environment():
    """The environment without settings of the caller's own."""
    return {k: v for k, v in os.environ.items() if not k.startswith("MCPLEDGER_")}


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return int(fields[11]) / TICKS_PER_S, int(fields[12]) / TICKS_PER_S


def wait_for(path, process):
    deadline = time.monotonic() + START_SECONDS
    while not path.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit("bench: mcpledgerd did not start; its log is above")
        time.sleep(0.01)
    return json.loads(path.read_text())


def disk_bytes(store):
    return sum(file.stat().st_blocks * 512 for file in store.rglob("*") if file.is_file())




class Daemon:
    """mcpledgerd on free ports with its store at `data`; `with` stops it cleanly, or ends it where that fails."""

    def __init__(self, build, data, ready_path, settings=()):
        self.ready_path = Path(ready_path)
        self.ready_path.unlink(missing_ok=True)
        env = clean_environment()
        env.update(MCPLEDGER_HTTP_LISTEN="127.0.0.1:0", MCPLEDGER_UDP_LISTEN="127.0.0.1:0",
                   MCPLEDGER_LOG_LEVEL="warning")
        env.update(setting.split("=", 1) for setting in settings)
        self.process = subprocess.Popen(
            [build / "collector/mcpledgerd", "--data", data, "--ready-file", self.ready_path], env=env)
        self.usage = None

    def __enter__(self):
        self.ready = wait_for(self.ready_path, self.process)
        return self

    def __exit__(self, *_):
        if self.process.returncode is None:
            self.process.kill()
            self.process.wait()

    @property
    def pid(self):
        return self.process.pid

    @property
    def url(self):
        return f"http://{self.ready['http']}"

    def cpu_seconds(self):
        return sum(cpu_seconds(self.pid))

    def stop(self):
        """A clean stop; self.usage is then what the process used from its start."""
        self.process.send_signal(signal.SIGTERM)
        watchdog = threading.Timer(STOP_SECONDS, self.process.kill)
        watchdog.start()
        _, status, self.usage = os.wait4(self.process.pid, 0)
        watchdog.cancel()
        self.process.returncode = os.waitstatus_to_exitcode(status)
        if self.process.returncode != 0:
            sys.exit(f"bench: mcpledgerd stopped with {self.process.returncode}")
