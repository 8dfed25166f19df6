"""received = stored + duplicate + rejected + dropped, for every source, and after a restart as before."""

import account
from ledgerlib import tool_call


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


def test_the_loss_equation_holds_and_survives_a_restart(daemon):
    feed(daemon)
    account.assert_nothing_lost(daemon)
    before = account.counts_of(daemon)
    assert before["http"]["stored"] == 501
    assert before["http"]["duplicate"] == 20
    assert before["http"]["rejected"] == 1
    assert before["udp"]["rejected"] == 1
    daemon.stop()
    daemon.start()
    for source in ("http", "udp"):
        assert account.counts_of(daemon)[source] == before[source]
    assert len(daemon.export()) == before["http"]["stored"] + before["udp"]["stored"]
