"""Ordinary work for a long time, without faults."""

import time
from collections import defaultdict
from datetime import timedelta

from tests.chaos.nodes import pids_of
from tests.chaos.pruning import _resident
from tests.chaos.report import Report, scenario
from tests.chaos.stage import Stage

#: How much a process may grow after it has warmed up.
GROWTH_MEBIBYTES = 8


@scenario(
    required="memory stays flat after the warm-up; Redis keeps only its usual keys",
    full_only=True,
)
def soak(stage: Stage) -> Report:
    """Sync, async, delayed and failing tasks run for minutes, without faults."""
    from tests.chaos import tasks
    from tests.models import Trace

    report = Report()
    node = stage.keep_nodes(1, "--processes=2", "--threads=2", "--beat").nodes[0]
    sizes: dict[int, list[int]] = defaultdict(list)
    begun = time.monotonic()
    seconds = stage.minutes * 60
    serial = 0
    while (passed := time.monotonic() - begun) < seconds:
        for _ in range(10):
            serial += 1
            tasks.short.enqueue_many([(f"short {serial} {n}",) for n in range(8)])
            tasks.waiting.enqueue(f"waiting {serial}", 0.2)
            tasks.fail_at_first.enqueue(f"again {serial}")
            delayed = tasks.short.using(run_after=timedelta(seconds=3))
            delayed.enqueue(f"delayed {serial}")
        time.sleep(0.3)
        if passed > seconds / 3:
            for pid in pids_of(node):
                sizes[pid].append(_resident(pid))
    report.expect(stage.wait_for_all(), "not everything was finished")
    stage.witness.count(report)
    planned = Trace.objects.filter(label__startswith="again").count() // 2
    report.extra -= planned
    report.expect(set(sizes) == set(pids_of(node)), "a process was replaced")
    growths = {pid: _growth(each) for pid, each in sizes.items()}
    worst = max(growths.values())
    report.expect(worst <= GROWTH_MEBIBYTES, f"a process has grown by {worst} MiB")
    keys = {key.decode().rpartition(":")[2] for key in stage.redis.client().scan_iter()}
    leaked = keys - {"nodes", "mark", "owner", "run", "wake"}
    report.expect(not leaked, f"Redis has kept {', '.join(sorted(leaked))}")
    report.notes += [
        f"{stage.minutes:g} minutes",
        f"each process grew by at most {worst} MiB",
        "Redis kept nodes and marks",
    ]
    return report


def _growth(sizes: list[int]) -> int:
    """Return how much larger the last tenth of the sizes is than the first."""
    tenth = max(1, len(sizes) // 10)
    return max(0, max(sizes[-tenth:]) - max(sizes[:tenth]))
