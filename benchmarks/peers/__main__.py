"""
Compare taskhub with its peers on the same servers, in alternating rounds.

Each peer is installed into its own environment, and configured as its users would
configure it. For each peer, three figures are measured: how many empty tasks two worker
processes finish per second, how many tasks are enqueued one by one per second, and how
late a task starts when the workers are idle.
"""

import argparse
import json
import os
import platform
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.peers.rounds import Arena
from benchmarks.peers.rows import choose
from benchmarks.peers.table import in_markdown, summarise
from benchmarks.servers import DurablePostgres
from tests.servers import RedisServer, interrupt_on_signals


def main() -> None:
    """Measure, and print a table; with --json, write JSON, too."""
    options, rows = _parse_options()
    interrupt_on_signals()
    with ExitStack() as stack:
        postgres = stack.enter_context(DurablePostgres())
        redis = stack.enter_context(RedisServer())
        measured = Arena(postgres, redis).measure(
            rows, rounds=options.rounds, seconds=options.seconds, starts=options.starts
        )
    records = summarise(measured)
    print(in_markdown(records))
    if options.json:
        report = {
            "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "load": os.getloadavg(),
            "rows": records,
        }
        options.json.write_text(json.dumps(report, indent=2) + "\n")


def _parse_options() -> tuple[argparse.Namespace, list]:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description=__doc__
    )
    parser.add_argument("--peers", default="", metavar="A,B", help="All by default.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--seconds", type=float, default=6.0, help="How long a round is to last."
    )
    parser.add_argument(
        "--starts", type=int, default=200, help="Of how many tasks starts are measured."
    )
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    try:
        return options, choose([name for name in options.peers.split(",") if name])
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
