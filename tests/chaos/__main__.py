"""
Inject faults into servers and nodes, and count lost tasks and extra runs.

    python -m tests.chaos --scenarios everything_at_once,frozen --scale small

Starts private servers and real nodes, runs scenarios one after the other, and prints
their reports. Exits with 1 if a promise was not kept, with 2 if a server is missing.
"""

import argparse
import json
import os
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.chaos.page import write_page
from tests.chaos.report import SCENARIOS, Report, Scenario, chosen
from tests.chaos.stage import Stage
from tests.options import add_choice
from tests.servers import ServerMissing, interrupt_on_signals

#: In the order in which they run.
FAMILIES = (
    "headline",
    "deaths",
    "deploys",
    "redis_outages",
    "redis_keys",
    "database_outages",
    "database_silences",
    "failovers",
    "poison",
    "fuzz",
    "clocks",
    "zones",
    "ticks",
    "pruning",
    "soak",
)

MISSING = 2
#: How many lines of the nodes' logs are printed after a broken promise.
_MAX_LINES = 100


def main() -> int:
    """Run the chosen scenarios, and return an exit code."""
    for family in FAMILIES:
        import_module(f"tests.chaos.{family}")
    options = _parse()
    interrupt_on_signals()
    reports: dict[str, Report] = {}
    missing: list[str] = []
    try:
        play_all(options, reports, missing)
    except ServerMissing as reason:
        missing.append(str(reason))
    if options.json:
        print(json.dumps({name: each.as_dict() for name, each in reports.items()}))
    for each in missing:
        print(f"Not played: {each}", file=sys.stderr)
    broken = any(report.complaints for report in reports.values())
    return 1 if broken else MISSING if missing else 0


def play_all(options: Any, reports: dict[str, Report], missing: list[str]) -> None:
    """Run the chosen scenarios; collect their reports, and what is missing."""
    full = options.scale == "full"
    with Stage(seed=options.seed, full=full, minutes=options.minutes) as stage:
        for each in chosen(options.scenarios, full=full):
            try:
                reports[each.name] = play(stage, each, quiet=options.json)
            except ServerMissing as reason:
                missing.append(f"{each.name}: {reason}")
            if options.write:
                # After each scenario: all of them take an hour and may be interrupted.
                write_page(reports)


def _parse() -> Any:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_choice(parser, "--scenarios", SCENARIOS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", default="small", choices=["small", "full"])
    parser.add_argument(
        "--minutes", type=float, default=10, help="For how long a soak goes on."
    )
    parser.add_argument("--json", action="store_true", help="Print JSON, no table.")
    parser.add_argument(
        "--write", action="store_true", help="Write docs/explanation/faults.md, too."
    )
    return parser.parse_args()


def play(stage: Stage, scenario: Scenario, *, quiet: bool) -> Report:
    """Run one scenario; print and return its report."""
    if scenario.needs:
        scenario.needs()
    begun = time.monotonic()
    with stage.scene():
        try:
            report = scenario.play(stage)
        except Exception as error:
            # A scenario that did not run to its end has proved nothing.
            report = Report()
            report.expect(False, f"{type(error).__name__}: {error}")
            traceback.print_exc()
        if not stage.full:
            report.be_patient()
        if report.complaints:
            _explain(scenario, stage.logs())
    if not quiet:
        verdict = "BROKEN" if report.complaints else "kept"
        print(f"{verdict:<7}{scenario.name} ({time.monotonic() - begun:.0f} s)")
        print(f"       {report.measured}")
        for complaint in report.complaints:
            print(f"       ! {complaint}")
        sys.stdout.flush()
    return report


def _explain(scenario: Scenario, log: str) -> None:
    """Print warnings and errors of the nodes; write all their lines to CHAOS_LOGS."""
    loud = [
        line for line in log.splitlines() if " ERROR " in line or " WARNING" in line
    ]
    print(*loud[-_MAX_LINES:], sep="\n", file=sys.stderr)
    if where := os.environ.get("CHAOS_LOGS"):
        Path(where, f"{scenario.name}.log").write_text(log)


if __name__ == "__main__":
    sys.exit(main())
