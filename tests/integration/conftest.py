import os

import ledgerlib
import pytest
from prometheus_server import PrometheusServer


def pytest_addoption(parser):
    parser.addoption("--all", action="store_true", help="also the tests marked slow")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes minutes; runs with --all only")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--all"):
        return
    slow = [item for item in items if item.get_closest_marker("slow")]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item not in slow]


def pytest_terminal_summary(terminalreporter):
    """Adds a line for each test to the file that `./dev test` sums up: outcome, name, reason."""
    path = os.environ.get("MCPLEDGER_TEST_RESULTS")
    if not path:
        return
    with open(path, "a", encoding="utf-8") as results:
        for outcome, ours in (("passed", "passed"), ("failed", "failed"), ("error", "failed"), ("skipped", "skipped")):
            for report in terminalreporter.stats.get(outcome, []):
                reason = ""
                if outcome == "skipped" and isinstance(report.longrepr, tuple):
                    reason = report.longrepr[2].removeprefix("Skipped: ").replace("\n", " ").replace("\t", " ")
                results.write(f"{ours}\t{report.nodeid}\t{reason}\n")


@pytest.fixture
def make_daemon(tmp_path):
    """make_daemon(settings={…}, config="…") starts a daemon; each is stopped cleanly at the end of the test."""
    daemons = []

    def make(start=True, **kwargs):
        folder = tmp_path / f"daemon-{len(daemons)}"
        folder.mkdir()
        daemon = ledgerlib.Daemon(folder, **kwargs)
        daemons.append(daemon)
        return daemon.start() if start else daemon

    yield make
    problems = []
    for daemon in daemons:
        try:
            daemon.close()
        except AssertionError as problem:
            problems.append(str(problem))
            if daemon.process and daemon.process.poll() is None:
                daemon.kill()
    assert not problems, "\n".join(problems)


@pytest.fixture
def daemon(make_daemon):
    """A daemon with the defaults, on free ports, in a temporary folder."""
    return make_daemon()


@pytest.fixture
def shared_data():
    """The folder of private real input; tests without it are skipped."""
    if not ledgerlib.SHARED_DATA.is_dir():
        pytest.skip("shared data absent")
    return ledgerlib.SHARED_DATA


@pytest.fixture
def prometheus():
    """The folder with prometheus and promtool, which `./dev test` unpacks."""
    if not (ledgerlib.PROMETHEUS / "promtool").exists():
        pytest.skip("prometheus is not there and could not be downloaded")
    return ledgerlib.PROMETHEUS


@pytest.fixture
def prometheus_of(prometheus, tmp_path):
    """prometheus_of(daemon) starts a real Prometheus that scrapes the daemon each second."""
    servers = []

    def start(daemon):
        servers.append(PrometheusServer(tmp_path, prometheus, daemon.ready["http"]))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
