"""What was sent to a daemon and what it acknowledged, and whether its store kept that.

An account is the tests' own: it never asks the daemon what it took.  Of an event it keeps the length and a digest of
the canonical bytes, so that it may be of millions.
"""

import functools
import hashlib
import json

import ledgerlib
from canonical import canonical

SOURCES = ("http", "udp", "ledger")
RESULTS = ("received", "stored", "duplicate", "rejected", "dropped")


def _print_of(text):
    return len(text), hashlib.blake2b(text, digest_size=16).digest()


@functools.lru_cache(maxsize=8192)  # states of one store are much the same
def _read(line):
    """(seq, id, the event itself where it is one of the collector's own)"""
    event = json.loads(line)
    return event["seq"], event["id"], event if event["kind"] == "ledger" else None


class Kept:
    """What a store holds, by the lines of `export`: all of it, or what came since an earlier one."""

    def __init__(self, lines):
        self.lines = lines
        self.seqs = []
        self.line_of = {}  # id -> its line, without the collector's own events
        self.seq_of = {}
        self.notes = []  # the collector's own events
        for line in lines:
            seq, event_id, note = _read(line)
            self.seqs.append(seq)
            if note:
                self.notes.append(note)
                continue
            assert event_id not in self.seq_of, f"{event_id} is there twice"
            self.line_of[event_id] = line
            self.seq_of[event_id] = seq
        first = self.seqs[0] if self.seqs else 1
        assert self.seqs == list(range(first, first + len(self.seqs))), "seqs have a gap"

    def prunes(self):
        return [note["detail"] for note in self.notes if note["op"] == "prune"]

    def lacks_notes(self):
        """The collector had no memory for a note of its own, and says so."""
        return any(note["op"] == "drop" and note["detail"].get("what") == "ledger notes" for note in self.notes)

    def is_whole(self):
        """It begins with the first event, or where the newest note of a removal says."""
        prunes = self.prunes()
        return bool(self.seqs) and self.seqs[0] == (prunes[-1]["last_seq"] + 1 if prunes else 1)

    def assert_whole(self):
        assert self.is_whole(), (self.seqs[:1], self.prunes())


class Account:
    def __init__(self):
        self.prints = {}  # id -> length and digest of the canonical bytes, of all that was sent
        self.acknowledged = set()
        self.seqs = {}  # id -> seq, of all that was found in a store

    def note_sent(self, events):
        """events: {id: JSON text}"""
        self.prints.update((event_id, _print_of(canonical(text))) for event_id, text in events.items())

    def note_acknowledged(self, ids):
        self.acknowledged.update(ids)

    def assert_as_sent(self, kept):
        """Nothing is there but what was sent, and that whole, byte for byte."""
        for event_id, line in kept.line_of.items():
            assert event_id in self.prints, f"never sent: {event_id}"
            # The collector's members follow the canonical bytes, within the same object.
            length = self.prints[event_id][0] - 1
            own, added = line[:length] + b"}", line[length:]
            assert _print_of(own) == self.prints[event_id] and added.startswith(b',"seq":'), line

    def assert_kept(self, kept, acknowledged=None):
        """What was acknowledged is there once, and nothing that was not sent.  What is missing was found by an earlier
        call, and is older than the oldest that is there: retention has removed it, or only what is new was exported."""
        self.assert_as_sent(kept)
        for event_id, seq in kept.seq_of.items():
            before = self.seqs.setdefault(event_id, seq)
            assert before == seq, f"{event_id} is there twice: {before}, {seq}"
        first = kept.seqs[0] if kept.seqs else 0
        missing = (self.acknowledged if acknowledged is None else acknowledged) - kept.seq_of.keys()
        lost = sorted(event_id for event_id in missing if self.seqs.get(event_id, first) >= first)
        assert not lost, f"{len(lost)} acknowledged and lost: {lost[:5]}"
        return missing


def counts_of(daemon):
    """{source: {result: events}}"""
    counts = {source: dict.fromkeys(RESULTS, 0) for source in SOURCES}
    for name, its, value in daemon.metrics():
        if name == "mcpledger_ingest_events_total" and its["source"] in counts:
            counts[its["source"]][its["result"]] = int(value)
    return counts


def assert_nothing_lost(daemon):
    """Of each source the daemon can say where all that it received has gone, once nothing is on its way; returns how
    many events it stored."""
    counts = {}

    def agree():
        counts.update(counts_of(daemon))
        return all(2 * of["received"] == sum(of.values()) for of in counts.values())

    ledgerlib.wait_until(agree, lambda: f"what was received to be what became of it: {counts}")
    return sum(of["stored"] for of in counts.values())


def read_kept(folder, next_seq=1):
    """What the store in a folder holds, from the event of this seq on."""
    options = []
    if next_seq > 1:
        store = json.loads((folder / "store.json").read_text())["id"]
        options = ["--position", f"{store}:{next_seq}"]
    return Kept(ledgerlib.run_cli("--data", folder, "export", "-q", *options).stdout.splitlines())


def settled(daemon, next_seq=1):
    """What is kept, once the counters agree with it: they follow the store, and a note may come between.  The note of a
    removal follows it, unless there was no memory for one."""
    stored = last = kept = None

    def agree():
        nonlocal stored, last, kept
        kept = read_kept(daemon.data, next_seq)
        last = kept.seqs[-1] if kept.seqs else next_seq - 1  # none: the first note is still on its way
        stored = assert_nothing_lost(daemon)
        return stored == last and (next_seq > 1 or kept.is_whole() or kept.lacks_notes())

    ledgerlib.wait_until(agree, lambda: f"as many events in the counters ({stored}) as in the store ({last}), and a "
                                        f"note of what is before {kept.seqs[:1]} in {kept.notes}")
    return kept
