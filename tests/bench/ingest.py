"""Rows about taking events in: CPU, disk and memory for each event, rates, latencies, what UDP loses."""

import os
import shutil
import tempfile
import time
from pathlib import Path

from daemon import Daemon, Sampler, disk_bytes, post, run_load, stop_with
from table import AT_LEAST, REFERENCE_MB_PER_S, Row

KEEP_ALIVE = 256
PACED_RATE = 5000
UDP_RATE = 200_000
SETTLE_SECONDS = 30
BUFFER_BYTES = 16 << 20


class Scratch:
    """A new folder for stores, removed at the end."""

    def __init__(self, options):
        self.keep = options.keep
        self.path = Path(tempfile.mkdtemp(prefix="mcpledger-bench-", dir=options.folder))

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        if not self.keep:
            shutil.rmtree(self.path, ignore_errors=True)


def take_in(bench, send, settings=()):
    """Runs a daemon on a new store, calls send(daemon), stops it; returns what was measured."""
    before, settings = bench.speed.now(), [*settings, *bench.options.set]
    with Scratch(bench.options) as folder, Daemon(bench.build, folder / "store", settings) as daemon:
        with Sampler(daemon.pid) as memory:
            sent = send(daemon)
            cpu = daemon.stop()
        return {**sent, "cpu": cpu, "disk": disk_bytes(folder / "store"), "anon_mib": memory.anon_mib,
                "speed": (before + bench.speed.now()) / 2}


def bytes_bar(events):
    """Of a store of so many; the size of fewer events tells of what a store needs at least."""
    return 66 if events >= 1_000_000 else None


def accept_all(sent, events):
    if sent["accepted"] != events:
        stop_with(f"{sent['accepted']} of {events} events were accepted")


def body_rows(bench):
    """HTTP NDJSON, 500 and 32 events a body."""
    events = bench.corpus.events
    for batch, bar_us, peer_share in ((500, 2.6, 1 / 8), (32, 4.0, None)):
        name = f"HTTP, {batch} a body, 4 connections"
        cpu = Row(f"{name}: CPU an event", "us", bar_us, scaled=True)
        rate = Row(f"{name}: rate", "/s", sense=AT_LEAST)
        disk = Row(f"bytes on disk an event, {events:,} events", "B", bytes_bar(events))
        memory = Row(f"{name}: RssAnon", "MiB", 256)
        if peer_share:
            cpu.peer_bars["victoria-logs"] = peer_share
        for _ in range(bench.options.runs):
            done = take_in(bench, lambda daemon, batch=batch: post(bench.build, daemon.address, bench.corpus,
                                                                   batch=batch))
            accept_all(done, events)
            cpu.add(done["cpu"] / events * 1e6, done["speed"])
            rate.add(done["accepted"] / done["seconds"])
            disk.add(done["disk"] / events)
            memory.add(done["anon_mib"])
            for peer in bench.peers:
                figures = peer.take_in(bench, batch)
                if figures:
                    cpu.add_peer(peer.name, figures["cpu_us"])
                    disk.add_peer(peer.name, figures["disk_bytes"])
        cpu.note = f"zlib-1 {bench.speed.seen[-1]:.0f} MB/s"
        yield from (cpu, rate, disk, memory) if batch == 500 else (cpu, rate)


def single_rows(bench):
    """One event a POST over many connections: as fast as it goes, and in an open loop at a steady rate."""
    rate = Row(f"one event a POST, {KEEP_ALIVE} connections: rate", "/s", 20_000, AT_LEAST, scaled=True)
    cpu = Row(f"one event a POST, {KEEP_ALIVE} connections: CPU", "us", scaled=True)
    tail = Row(f"one event a POST, {KEEP_ALIVE} connections: p99", "ms")
    for _ in range(bench.options.runs):
        done = take_in(bench, lambda daemon: post(bench.build, daemon.address, bench.corpus, batch=1,
                                                  connections=KEEP_ALIVE, events=bench.options.single_events))
        accept_all(done, bench.options.single_events)
        rate.add(done["accepted"] / done["seconds"], done["speed"])
        cpu.add(done["cpu"] / done["accepted"] * 1e6, done["speed"])
        tail.add(done["p99_ms"])
    yield from (rate, cpu, tail)


def paced_rows(bench):
    seconds = bench.options.paced_seconds
    p99 = Row(f"one event a POST at {PACED_RATE:,}/s: p99", "ms", 10)
    worst = Row(f"one event a POST at {PACED_RATE:,}/s: p99.9", "ms")
    sealed = []

    def send(daemon):
        sent = post(bench.build, daemon.address, bench.corpus, batch=1, connections=KEEP_ALIVE, rate=PACED_RATE,
                    events=PACED_RATE * seconds)
        sealed.append(sent["accepted"] // 8192)
        return sent

    for _ in range(bench.options.runs):
        done = take_in(bench, send)
        accept_all(done, PACED_RATE * seconds)
        p99.add(done["p99_ms"])
        worst.add(done["p999_ms"])
        p99.note = f"open loop for {seconds} s, {sealed[-1]} blocks sealed meanwhile; p50 {done['p50_ms']:.2f} ms"
    yield from (p99, worst)


# --- UDP ---


def udp_counts(daemon):
    """What the daemon has counted of datagrams: {result: events}, and the drops by reason."""
    metrics = daemon.metrics()
    results = {key: metrics[f'mcpledger_ingest_events_total{{source="udp",result="{key}"}}']
               for key in ("received", "stored", "duplicate", "rejected", "dropped")}
    prefix = 'mcpledger_ingest_dropped_total{source="udp",reason="'
    drops = {name[len(prefix):-2]: value for name, value in metrics.items() if name.startswith(prefix) and value}
    return results, drops


def send_datagrams(bench, daemon, rate):
    """Sends so many a second, then waits until the counters stand for all that was sent, or no longer change."""
    command = [bench.build / "tests/bench/udp_load", daemon.ready["udp"], bench.corpus.path,
               rate * bench.options.udp_seconds, rate]
    sent = run_load(command)
    last, since = None, time.monotonic()
    while time.monotonic() - since < SETTLE_SECONDS:
        results, drops = udp_counts(daemon)
        settled = results["received"] == sent["sent"] and \
            results["stored"] + results["duplicate"] + results["rejected"] + results["dropped"] == sent["sent"]
        if settled:
            break
        if results != last:
            last, since = results, time.monotonic()
        time.sleep(0.1)
    return {**sent, **results, "drops": drops}


def may_have_buffer():
    return os.geteuid() == 0 or int(Path("/proc/sys/net/core/rmem_max").read_text()) >= BUFFER_BYTES


def udp_rows(bench):
    """At the rate of the bar, and at what it is on this machine, which a slower one should take without loss."""
    yield from udp_rows_at(bench, "UDP", scaled=False)
    yield from udp_rows_at(bench, f"UDP, {UDP_RATE:,}/s at {REFERENCE_MB_PER_S}", scaled=True)


def udp_rows_at(bench, name, scaled):
    sent = Row(f"{name}, one event a datagram, {bench.options.udp_seconds} s: rate sent", "/s", UDP_RATE * 0.99,
               AT_LEAST, scaled)
    missing = Row(f"{name}: missing and in no counter", "events", 0)
    lost = Row(f"{name}: lost, receive buffer 16 MiB", "events", 0 if may_have_buffer() else None)
    cpu = Row(f"{name}: CPU an event stored", "us", scaled=True)
    settings = [f"MCPLEDGER_UDP_RECEIVE_BUFFER_BYTES={BUFFER_BYTES}"]
    for _ in range(bench.options.runs):
        speed = bench.speed.now() if scaled else REFERENCE_MB_PER_S
        rate = round(UDP_RATE * speed / REFERENCE_MB_PER_S)
        done = take_in(bench, lambda daemon, rate=rate: send_datagrams(bench, daemon, rate), settings)
        sent.add(done["sent"] / done["seconds"], speed)
        told = done["stored"] + done["duplicate"] + done["rejected"] + done["dropped"]
        missing.add(done["sent"] - told)
        lost.add(done["sent"] - done["stored"])
        cpu.add(done["cpu"] / max(1, done["stored"]) * 1e6, done["speed"])
        lost.note = ", ".join(f"{reason} {count:,.0f}" for reason, count in done["drops"].items())
    yield from (sent, missing, lost, cpu)
