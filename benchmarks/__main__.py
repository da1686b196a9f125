"""
Measure how fast taskhub is on this machine, and compare with the targets.

    python -m benchmarks --measures finished,enqueued --rounds 3

Starts private servers, takes measures one after the other, and prints a table. Exits
with 1 if a target was missed.
"""

import argparse
import json
import os
import platform
import sys
from typing import Any

import msgspec

import benchmarks.measures  # noqa: F401  they register themselves
from benchmarks.page import table, write_page
from benchmarks.report import MEASURES, Figure, Measured
from benchmarks.stage import Stage
from tests.options import add_choice
from tests.servers import interrupt_on_signals


def main() -> int:
    """Take the chosen measures, and return an exit code."""
    options = _parse()
    interrupt_on_signals()
    measured: list[Measured] = []
    with Stage(rounds=options.rounds, full=not options.quick) as stage:
        for name in options.measures or MEASURES:
            print(f"measuring {name} …", file=sys.stderr, flush=True)
            measured += MEASURES[name](stage)
        machine = _machine()
    if options.json:
        print(
            json.dumps({"machine": machine, "measured": msgspec.to_builtins(measured)})
        )
    else:
        print(table(measured))
    if options.write:
        write_page(machine, measured)
    figures = [each for each in measured if isinstance(each, Figure)]
    return 0 if all(figure.is_reached for figure in figures) else 1


def _parse() -> Any:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_choice(parser, "--measures", MEASURES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--quick", action="store_true", help="Small sizes: only to see that it works."
    )
    parser.add_argument("--json", action="store_true", help="Print JSON, no table.")
    parser.add_argument(
        "--write",
        action="store_true",
        help="Write docs/explanation/performance.md and its plots, too.",
    )
    return parser.parse_args()


def _machine() -> str:
    import django

    return (
        f"{os.cpu_count()} cores, {platform.machine()}, Python "
        f"{platform.python_version()}, Django {django.get_version()}"
    )


if __name__ == "__main__":
    sys.exit(main())
