"""received = stored + duplicate + rejected + dropped, for every source, and after a restart as before."""

from ledgerlib import tool_call

SOURCES = ("http", "udp")
RESULTS = ("received", "stored", "duplicate", "rejected", "dropped")


def feed(daemon):
    """Events of every result: stored, duplicate, rejected; by HTTP and UDP; of several verdicts."""
    calls = [tool_call(f"tool-{n % 7}", id=f"e{n}", server={"name": f"server-{n % 3}"}, duration_ns=n * 10**6,
                       outcome={"tool_error": n % 5 == 0}, net={"transport": "http"}) for n in range(500)]
    daemon.accept(calls)
    daemon.accept(calls[:20])
    daemon.post([{"kind": 1}, tool_call("a \"quoted\"\nname\\", id="quoted", outcome={"http_status": 403})])
    daemon.send_udp(*[tool_call(id=f"u{n}") for n in range(30)], b"no json")
    daemon.wait_for("mcpledger_ingest_events_total", 31, source="udp", result="received")
    daemon.wait_for("mcpledger_ingest_events_total", 30, source="udp", result="stored")


def assert_nothing_is_lost(daemon):
    for source in SOURCES:
        counts = {result: daemon.metric("mcpledger_ingest_events_total", source=source, result=result)
                  for result in RESULTS}
        assert counts["received"] == sum(counts.values()) - counts["received"], (source, counts)


def test_the_loss_equation_holds_and_survives_a_restart(daemon):
    feed(daemon)
    assert_nothing_is_lost(daemon)
    before = {(source, result): daemon.metric("mcpledger_ingest_events_total", source=source, result=result)
              for source in SOURCES for result in RESULTS}
    assert before["http", "stored"] == 501
    assert before["http", "duplicate"] == 20
    assert before["http", "rejected"] == 1
    assert before["udp", "rejected"] == 1
    daemon.stop()
    daemon.start()
    for (source, result), value in before.items():
        assert daemon.metric("mcpledger_ingest_events_total", source=source, result=result) == value
    assert len(daemon.export()) == before["http", "stored"] + before["udp", "stored"]
