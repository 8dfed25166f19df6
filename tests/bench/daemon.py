"""What the benchmarks share: a daemon on a store, the load generators, CPU and memory of a process."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from corpus import is_packed

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "bench"
SAMPLE_EVERY_S = 0.02
START_SECONDS, STOP_SECONDS, ANSWER_SECONDS = 120, 120, 600
LOAD_SECONDS_MAX = 3600
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
MEMORY = re.compile(r"^Rss(Anon|File|Shmem):\s+(\d+)", re.M)


def stop_with(message):
    sys.exit(f"bench: {message}")


# --- processes ---


class Sampler(threading.Thread):
    """Watches a process's memory: the peaks, in MiB, of what is anonymous and of what is mapped from files."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.path = f"/proc/{pid}/status"
        self.anon_mib = self.file_mib = 0
        self.done = threading.Event()

    def run(self):
        while not self.done.wait(SAMPLE_EVERY_S):
            try:
                with open(self.path) as status:
                    found = dict(MEMORY.findall(status.read()))
            except OSError:
                return
            self.anon_mib = max(self.anon_mib, int(found.get("Anon", 0)) / 1024)
            self.file_mib = max(self.file_mib, (int(found.get("File", 0)) + int(found.get("Shmem", 0))) / 1024)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.join()


def clean_environment():
    """The environment without settings of the caller's own."""
    return {k: v for k, v in os.environ.items() if not k.startswith("MCPLEDGER_")}


def cpu_seconds(pid):
    """(user, system) of a process that runs."""
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return int(fields[11]) / TICKS_PER_S, int(fields[12]) / TICKS_PER_S


def disk_bytes(folder):
    return sum(file.stat().st_blocks * 512 for file in Path(folder).rglob("*") if file.is_file())


def end(process, signal_number):
    """Ends a process and returns its rusage; one that does not end in time is killed."""
    process.send_signal(signal_number)
    watchdog = threading.Timer(STOP_SECONDS, process.kill)
    watchdog.start()
    _, status, usage = os.wait4(process.pid, 0)
    watchdog.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage


class Server:
    """A process that serves HTTP at self.address and that `with` ends; self.usage: its rusage, once it has ended."""

    def __init__(self, command, env=None, log=None):
        self.process = subprocess.Popen([str(word) for word in command], env=env, stderr=log)
        self.address, self.usage, self.begun = None, None, (0.0, 0.0)

    def __enter__(self):
        self.wait_until_ready()
        self.begun = cpu_seconds(self.pid)
        return self

    def __exit__(self, *_):
        if self.process.returncode is None:
            self.process.kill()
            self.process.wait()

    @property
    def pid(self):
        return self.process.pid

    def poll(self, is_ready, every_s=0.01):
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                stop_with(f"{self.process.args[0]} did not come so far in time")
            time.sleep(every_s)

    def cpu_seconds(self):
        return sum(cpu_seconds(self.pid))

    def stop(self):
        """A clean stop; returns the CPU seconds used since it was ready."""
        self.usage = end(self.process, signal.SIGTERM)
        if self.process.returncode != 0:
            stop_with(f"{self.process.args[0]} stopped with {self.process.returncode}")
        return self.usage.ru_utime - self.begun[0] + self.usage.ru_stime - self.begun[1]

    def request(self, path, body=None, kind="application/x-ndjson"):
        """(status, body) of a GET, or of a POST with a body of that kind, over a connection of its own."""
        host, port = self.address.rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=ANSWER_SECONDS)
        connection.request("POST" if body else "GET", path, body, {"Content-Type": kind} if body else {})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, text


class Daemon(Server):
    """mcpledgerd on free ports with its store at `data`."""

    def __init__(self, build, data, settings=()):
        self.data = Path(data)
        self.ready_path = self.data.with_name(self.data.name + ".ready.json")
        self.ready_path.unlink(missing_ok=True)
        env = clean_environment()
        env.update(MCPLEDGER_HTTP_LISTEN="127.0.0.1:0", MCPLEDGER_UDP_LISTEN="127.0.0.1:0",
                   MCPLEDGER_LOG_LEVEL="warning", MCPLEDGER_QUERY_TIME_MAX="1h")
        env.update(setting.split("=", 1) for setting in settings)
        super().__init__([build / "collector/mcpledgerd", "--data", data, "--ready-file", self.ready_path], env)

    def wait_until_ready(self):
        self.poll(self.ready_path.exists, every_s=0.001)
        self.ready = json.loads(self.ready_path.read_text())
        self.address = self.ready["http"]

    @property
    def url(self):
        return f"http://{self.address}"

    def kill(self):
        self.usage = end(self.process, signal.SIGKILL)

    def metrics(self):
        """{"name{labels}": value} of what a scrape shows."""
        lines = self.request("/metrics")[1].decode().splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[:1] != "#")}


# --- load ---


def run_load(command, source=None):
    done = subprocess.run([str(word) for word in command], stdin=source, stdout=subprocess.PIPE,
                          timeout=LOAD_SECONDS_MAX, check=False)
    if done.returncode != 0:
        stop_with(f"{Path(command[0]).name} ended with {done.returncode}: {done.stdout[:300]!r}")
    return json.loads(done.stdout)


def post(build, address, corpus, *, events=0, batch=500, connections=4, rate=0, first_round=0, target="/v1/events"):
    """Posts events of a corpus (0: each once) with http_load; ends the run when one is refused."""
    options = ["-b", batch, "-c", connections, "-n", events, "-r", rate, "-i", first_round, "-t", LOAD_SECONDS_MAX]
    with corpus.open() as source:
        path = "-" if is_packed(corpus.path) else corpus.path
        sent = run_load([build / "tests/bench/http_load", address, target, path, *options], source)
    if sent["refused"]:
        stop_with(f"{sent['refused']} events were refused: {sent['first_refusal']}")
    return sent


def run_cli(build, arguments, out=subprocess.PIPE, watch=False):
    """(answer, wall seconds, CPU seconds, peak RssAnon in MiB or None) of one process of the command line."""
    begin = time.perf_counter()
    process = subprocess.Popen([str(word) for word in (build / "query/mcpledger", "-q", *arguments)], stdout=out,
                               env=clean_environment())
    sampler = Sampler(process.pid) if watch else None
    if sampler:
        sampler.start()
    answer = process.stdout.read() if out == subprocess.PIPE else b""
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if sampler:
        sampler.done.set()
    if process.returncode > 1:
        stop_with(f"{' '.join(map(str, arguments))} ended with {process.returncode}")
    return answer, wall, usage.ru_utime + usage.ru_stime, sampler.anon_mib if sampler else None
