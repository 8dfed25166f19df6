"""The table of the benchmarks: rows with their figures, the bar each is held to, and what peers need for the same.

Absolute bars are for a machine on which zlib level 1 packs REFERENCE_MB_PER_S of the corpus.  Speed is measured beside
each figure; rows that depend on it are also told, and judged, as they would be there.
"""

import json
import os
import platform
import statistics
import sys
import time
import zlib
from pathlib import Path

REFERENCE_MB_PER_S = 172
SAMPLE_BYTES = 16 << 20
AT_MOST, AT_LEAST = "at most", "at least"
SHOW = {"s": lambda v: f"{v * 1e3:,.1f} ms", "ms": lambda v: f"{v:,.2f} ms", "us": lambda v: f"{v:.2f} us",
        "B": lambda v: f"{v:.1f} B", "MiB": lambda v: f"{v:.0f} MiB", "/s": lambda v: f"{v:,.0f}/s",
        "x": lambda v: f"{v:.3f}", "events": lambda v: f"{v:,.0f}"}


def spread(values):
    return {"min": min(values), "median": statistics.median(values), "max": max(values)}


class Speed:
    """MB/s of CPU time that zlib level 1 packs of the corpus, now."""

    def __init__(self, corpus):
        with corpus.open() as lines:
            self.sample = lines.read(SAMPLE_BYTES)
        self.seen = []

    def now(self):
        before = time.process_time()
        zlib.compress(self.sample, 1)
        self.seen.append(len(self.sample) / 1e6 / (time.process_time() - before))
        return self.seen[-1]


class Row:
    """One measure.  unit: a key of SHOW; bar None: only told; scaled: judged as on the reference machine."""

    def __init__(self, name, unit, bar=None, sense=AT_MOST, scaled=False, note=""):
        self.name, self.unit, self.bar, self.sense, self.scaled, self.note = name, unit, bar, sense, scaled, note
        self.values, self.speeds, self.peers, self.peer_bars = [], [], {}, {}

    def add(self, value, speed=None):
        self.values.append(value)
        if self.scaled:
            factor = speed / REFERENCE_MB_PER_S
            self.speeds.append(factor if self.sense == AT_MOST else 1 / factor)

    def add_peer(self, name, value):
        self.peers.setdefault(name, []).append(value)

    @property
    def judged(self):
        """The figures that the bar is for."""
        if self.scaled:
            return [value * factor for value, factor in zip(self.values, self.speeds, strict=True)]
        return self.values

    def ratio(self, peer):
        """Ours over the peer's, medians of one run."""
        return statistics.median(self.values) / statistics.median(self.peers[peer])

    @property
    def kept(self):
        """Whether each bar is kept; None where there is none, or nothing was measured."""
        if not self.values:
            return None
        median, kept = statistics.median(self.judged), []
        if self.bar is not None:
            kept.append(median <= self.bar if self.sense == AT_MOST else median >= self.bar)
        kept += [self.ratio(peer) <= most for peer, most in self.peer_bars.items() if peer in self.peers]
        return all(kept) if kept else None

    def as_json(self):
        told = {"name": self.name, "unit": self.unit, "bar": self.bar, "sense": self.sense, "scaled": self.scaled,
                "kept": self.kept, "note": self.note, "values": self.values}
        if self.values:
            told.update(spread(self.values), at_reference=spread(self.judged) if self.scaled else None)
        told["peers"] = {name: {**spread(values), "ours_over_peer": self.ratio(name) if self.values else None,
                                "ratio_at_most": self.peer_bars.get(name)} for name, values in self.peers.items()}
        return told


class Table:
    """Prints rows as they are done, as a table of Markdown, and keeps them all in a JSON file."""

    def __init__(self, path, peers, about):
        self.path, self.peers, self.rows, self.about = Path(path), peers, [], {**machine(), **about}
        titles = ["measure", "min", "median", "max", f"at {REFERENCE_MB_PER_S}", "bar", ""]
        titles += [title for peer in peers for title in (peer, "ours / it")] + ["note"]
        print(", ".join(f"{name} {value}" for name, value in self.about.items()))
        self.print_cells(titles)
        self.print_cells(["---"] + ["--:"] * (len(titles) - 2) + ["---"])

    @staticmethod
    def print_cells(cells):
        widths = (54, 11, 11, 11, 11, 13, 6)
        padded = [f"{cell:<{widths[i]}}" if i == 0 else f"{cell:>{widths[i]}}" if i < len(widths) else f"{cell:>10}"
                  for i, cell in enumerate(cells[:-1])]
        print("| " + " | ".join([*padded, cells[-1]]) + " |", flush=True)

    def add(self, row):
        self.rows.append(row)
        self.print_row(row)
        result = {"about": self.about, "ended": time.time(), "rows": [row.as_json() for row in self.rows]}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(result, indent=2) + "\n")

    def print_row(self, row):
        show = SHOW[row.unit]
        figures = [show(value) for value in spread(row.values).values()] if row.values else ["-"] * 3
        judged = show(statistics.median(row.judged)) if row.values and row.scaled else "-"
        bar = "-" if row.bar is None else ("<= " if row.sense == AT_MOST else ">= ") + show(row.bar)
        verdict = {True: "kept", False: "MISSED", None: ""}[row.kept]
        peers = []
        for peer in self.peers:
            has = peer in row.peers
            peers += [show(statistics.median(row.peers[peer])) if has else "-",
                      f"{row.ratio(peer):.3f}" if has and row.values else "-"]
        self.print_cells([row.name, *figures, judged, bar, verdict, *peers, row.note])

    def missed(self):
        return [row.name for row in self.rows if row.kept is False]


def machine():
    cpu = next((line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    return {"processors": os.cpu_count(), "cpu": cpu, "memory_gib": memory, "kernel": platform.release(),
            "load": round(os.getloadavg()[0], 1), "python": sys.version.split()[0]}
