"""The benchmarks.  Run by `./dev bench`; needs Python's own library and what is built.  README.md tells each row.

  ./dev bench            what an event costs, in a few minutes
  ./dev bench table      every row; a store of ten million events is made for it
  ./dev bench query      the rows about the large store only
"""

import argparse
import sys
from pathlib import Path

import corpus as corpora
import ingest
import peers
import questions
import sizes
import standing
from daemon import CACHE, ROOT, stop_with
from table import Speed, Table

SEED, LARGE_SEED = 7, 8
INGEST = (ingest.body_rows, ingest.single_rows, ingest.paced_rows, ingest.udp_rows)
LARGE = (questions.question_rows, questions.export_rows, standing.beside_rows, standing.restart_rows)
GROUPS = {"quick": (*INGEST, sizes.trace_rows), "query": LARGE,
          "table": (*INGEST, sizes.trace_rows, sizes.packing_rows, *LARGE)}


class Bench:
    """What all rows share: options, the corpora, peers, the speed of the machine."""

    def __init__(self, options):
        self.options, self.build = options, options.build
        self.corpus = corpora.prepare(options.folder, options.events, SEED, options.own_corpus)
        self.speed = Speed(self.corpus)
        self.peers = [peer_of(text) for text in options.peer]
        self.large_corpus = self.large_store = None

    def make_large(self):
        self.large_corpus = corpora.prepare(self.options.folder, self.options.store_events, LARGE_SEED,
                                            self.options.own_corpus)
        folder = self.options.folder / f"store-{self.large_corpus.facts['flavour']}-{self.options.store_events}"
        self.large_store = questions.make_store(self, self.large_corpus, folder)


def peer_of(text):
    name, _, value = text.partition("=")
    if name == peers.VictoriaLogs.name and value:
        return peers.VictoriaLogs(value)
    if text == peers.ClickHouse.name:
        return peers.ClickHouse()
    return stop_with(f"--peer takes victoria-logs=BINARY or clickhouse, not {text}")


def parse():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=list(GROUPS), default="quick")
    parser.add_argument("--events", type=int, default=1_000_000, help="of the corpus for ingest (1000000)")
    parser.add_argument("--store-events", type=int, default=10_000_000, help="of the large store (10000000)")
    parser.add_argument("--runs", type=int, help="of each row (1; of table and query 3)")
    parser.add_argument("--question-runs", type=int, default=5, help="of each question (5)")
    parser.add_argument("--single-events", type=int, help="of the row with one event a POST")
    parser.add_argument("--paced-seconds", type=int, help="of the row at a steady rate (10; of table 60)")
    parser.add_argument("--udp-seconds", type=int, help="of the UDP row (5; of table 30)")
    parser.add_argument("--peer", action="append", default=[], metavar="victoria-logs=BINARY|clickhouse",
                        help="measure it in the same run; may be repeated")
    parser.add_argument("--only", metavar="ROWS", help="only those groups, such as body,udp; see --list")
    parser.add_argument("--list", action="store_true", help="tell the groups of rows")
    parser.add_argument("--own-corpus", action="store_true", help="our own generator, even where the shared one is")
    parser.add_argument("--set", action="append", default=[], metavar="MCPLEDGER_X=Y", help="a setting of the daemon")
    parser.add_argument("--folder", type=Path, default=CACHE, help="of corpora and stores (.cache/bench)")
    parser.add_argument("--keep", action="store_true", help="keep the stores of single rows, too")
    parser.add_argument("--build", type=Path, default=ROOT / "build-profiled",
                        help="the programs to measure (those of `./dev build --profiled`)")
    parser.add_argument("--json", type=Path, help="where the figures go (table.json in that folder)")
    options = parser.parse_args()
    options.folder = options.folder.resolve()
    options.json = options.json or options.folder / "table.json"
    quick = options.what == "quick"
    options.runs = options.runs or (1 if quick else 3)
    options.single_events = options.single_events or (100_000 if quick else 500_000)
    options.paced_seconds = options.paced_seconds or (10 if quick else 60)
    options.udp_seconds = options.udp_seconds or (5 if quick else 30)
    groups = {name_of(group): group for group in GROUPS[options.what]}
    wanted = options.only.split(",") if options.only else groups
    if unknown := [name for name in wanted if name not in groups]:
        parser.error(f"{options.what} has no rows {', '.join(unknown)}, but {', '.join(groups)}")
    options.groups = [group for name, group in groups.items() if name in wanted]
    return options


def name_of(group):
    return group.__name__.removesuffix("_rows")


def main():
    options = parse()
    if options.list:
        print("groups:", ", ".join(map(name_of, options.groups)))
        return
    bench = Bench(options)
    if any(group in LARGE for group in options.groups):
        bench.make_large()
    about = {"corpus": bench.corpus.facts["flavour"], "event_bytes": round(bench.corpus.event_bytes),
             "zlib1_mb_per_s": round(bench.speed.now()), "runs": options.runs}
    table = Table(options.json, [peer.name for peer in bench.peers], about)
    for group in options.groups:
        for row in group(bench):
            table.add(row)
    missed = table.missed()
    print(f"zlib level 1: {min(bench.speed.seen):.0f} to {max(bench.speed.seen):.0f} MB/s of the corpus")
    print(f"missed: {'; '.join(missed)}" if missed else "every bar is kept")


if __name__ == "__main__":
    sys.exit(main())
