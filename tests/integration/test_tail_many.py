"""A thousand who follow events, of whom half do not read: the others get everything, and ingest does not notice."""

import contextlib
import re
import threading

import ledgerlib
from sse import Tail

TAILS = 1000
EVENTS = 600
BATCH = 50
TEXT = "x" * 500
TAIL_BYTES_MAX = 64 << 20
NUMBER = re.compile(r'"request":{"n":(\d+),')


def events(first):
    return [ledgerlib.tool_call(id=f"call-{n}", request={"n": n, "text": TEXT}) for n in range(first, first + BATCH)]


def numbers(frames):
    return [int(NUMBER.search(frame.data[0]).group(1)) for frame in frames if frame.event == "event"]


def read_all(tails, received):
    """Reads from each in turn until all have every event, or somebody is cut off."""
    left = list(tails)
    while left:
        for tail in list(left):
            assert tail.poll(), "a tail that reads was disconnected"
            received[tail] += numbers(tail.frames())
            if len(received[tail]) >= EVENTS:
                left.remove(tail)


def test_a_thousand_tails_of_which_half_do_not_read(make_daemon):
    ledgerlib.raise_file_limit(3 * TAILS)
    daemon = make_daemon(settings={
        "query.tails_max": TAILS, "query.tail_bytes_max": TAIL_BYTES_MAX, "query.tail_stall_time_max": "1h",
        "http.connections_max": TAILS + 100, "http.connections_per_address_max": TAILS + 100})
    before = daemon.status_kb("RssAnon")
    with contextlib.ExitStack() as stack:
        tails = [stack.enter_context(contextlib.closing(Tail(daemon, q="kind:tool_call", limit=1))).follow()
                 for _ in range(TAILS)]
        assert daemon.metric("mcpledger_http_tails") == TAILS
        live = tails[::2]
        received = {tail: [] for tail in live}
        reader = threading.Thread(target=read_all, args=(live, received))
        reader.start()
        for first in range(0, EVENTS, BATCH):
            assert daemon.accept(events(first))["accepted"] == BATCH
        reader.join()
        wanted = list(range(EVENTS))
        assert all(got == wanted for got in received.values())
        # Those that do not read hold what fits, and lag.
        assert daemon.metric("mcpledger_http_limit_hits_total", limit="query.tail_bytes_max") >= TAILS // 2
        assert daemon.metric("mcpledger_http_tails") == TAILS
        grown = (daemon.status_kb("RssAnon") - before) * 1024
        # Beside its share of what may wait, each has a connection, a filter and a request; caches grow once.
        assert grown < TAIL_BYTES_MAX + TAILS * 64 * 1024 + (64 << 20), grown
        lagging = tails[1]
        assert numbers(lagging.events(EVENTS)) == wanted
        # Queries and ingest go on beside them.
        assert daemon.get("/api/v1/events?limit=1").status == 200
        assert daemon.accept(ledgerlib.tool_call(id="last"))["accepted"] == 1
