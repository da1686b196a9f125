"""Beats that are killed. As a script, `beats.py` tests other databases, too."""

from argparse import Namespace

from tests.chaos import beats
from tests.chaos.report import Report, scenario
from tests.chaos.stage import Stage


@scenario(required="each tick fires exactly once")
def beats_killed(stage: Stage) -> Report:
    """Five beats fire 10,000 ticks; every few seconds, one is killed with `kill -9`."""
    report = Report()
    counted = beats.run(
        Namespace(
            beats=5,
            schedules=stage.pick(100, 40),
            ticks=stage.pick(10_000, 300),
            kill_every=stage.pick(10, 3),
            seed=stage.random.randrange(1_000),
        )
    )
    report.faults = counted.kills
    report.expect(counted.is_exact, f"{counted.missing} missing")
    report.double = counted.repeated
    report.notes += [
        f"{counted.ticks:,} ticks, {counted.results:,} results",
        f"{counted.kills} kills",
    ]
    return report
