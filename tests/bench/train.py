"""Has a build do what its programs mostly do, and looks at the answers.  Run by `./dev build --profiled`.

A build that records a profile (meson's b_pgo=generate) learns here which paths are taken often.  The events are those
of corpus.py, not those that are measured.
"""

import argparse
import os
import tempfile
from pathlib import Path

import corpus as corpora
from daemon import CACHE, Daemon, post, run_cli, run_load, stop_with
from questions import questions

EVENTS, SEED = 200_000, 3
# Of each question by the API: what is done a hundred times less than taking events in is made small, not fast.
TIMES = 100
BODIES = ((32, 4, EVENTS // 2), (1, 16, EVENTS // 20))  # events a body, connections, events; after the whole by 500


def send_others(build, daemon, corpus):
    for turn, (batch, connections, events) in enumerate(BODIES, 1):
        post(build, daemon.address, corpus, events=events, batch=batch, connections=connections, first_round=turn)
    run_load([build / "tests/bench/udp_load", daemon.ready["udp"], corpus.path, EVENTS // 10, EVENTS // 5])


def ask(build, data, corpus):
    """By the command line, on the directory."""
    for question in questions(corpus):
        run_cli(build, ["--data", data, *question.words, "-o", "json"])
    for words in (["sessions"], ["tools"], ["errors"], ["search", corpus.phrase], ["verify"], ["gaps"]):
        run_cli(build, ["--data", data, *words])
    with open(os.devnull, "wb") as nothing:
        run_cli(build, ["--data", data, "export"], nothing)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, required=True)
    build = parser.parse_args().build.resolve()
    corpus = corpora.prepare(CACHE, EVENTS, SEED, own=True)
    with tempfile.TemporaryDirectory(prefix="mcpledger-train-", dir=CACHE) as folder:
        data = Path(folder) / "store"
        with Daemon(build, data) as daemon:
            post(build, daemon.address, corpus)
            for question in questions(corpus) * TIMES:
                status, answer = daemon.request(question.path)
                if status != 200 or not question.check(answer):
                    stop_with(f"{question.path} answered {status}: {answer[:300]!r}")
            send_others(build, daemon, corpus)
            daemon.metrics()
            daemon.stop()
        ask(build, data, corpus)


if __name__ == "__main__":
    main()
