"""Pruning of a million rows that have expired."""

import subprocess
import sys
import time

from tests.chaos.report import Report, scenario
from tests.chaos.stage import Stage

#: How much a process may grow while it deletes.
GROWTH_MEBIBYTES = 32

_FILL = """
    INSERT INTO taskhub_taskresult (
        id, task_path, queue_name, backend, priority, status, args, kwargs, errors,
        attempts, worker_ids, enqueued_at, started_at, last_attempted_at, finished_at,
        meta, storage_notes, place, held_by, returned, return_value
    )
    SELECT (
            lpad(to_hex((extract(epoch FROM now() - interval '40 days') * 1000)
                ::bigint), 12, '0')
            || '7' || lpad(to_hex(n % 4096), 3, '0') || '8' || lpad(to_hex(n), 15, '0')
        )::uuid,
        'tests.chaos.tasks.echo', 'default', 'default', 0, 'SUCCESSFUL',
        '["x"]', '{{}}', '[]', 1, '["w"]', now() - interval '40 days',
        now() - interval '40 days', now() - interval '40 days',
        now() - interval '40 days', '{{}}', '{{}}', '', '', '', '"x"'
    FROM generate_series(1, {}) n
"""


@scenario(
    required="memory stays flat; no rows are left; tasks continue to run",
    full_only=True,
)
def a_million_pruned(stage: Stage) -> Report:
    """A million finished rows are deleted while tasks run."""
    from taskhub.models import TaskResult
    from tests.chaos import tasks

    report = Report()
    count = stage.pick(1_000_000, 20_000)
    stage.postgres.ask(_FILL.format(count))
    stage.keep_nodes(1, "--processes=1")
    begun = time.monotonic()
    command = [sys.executable, "manage.py", "taskprune", "--days=30"]
    pruner = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    sizes: list[int] = []
    slowest = 0.0
    while pruner.poll() is None:
        sizes.append(_resident(pruner.pid))
        sent = time.monotonic()
        tasks.echo.enqueue("meanwhile").get(timeout=60)
        slowest = max(slowest, time.monotonic() - sent)
        time.sleep(0.2)
    seconds = time.monotonic() - begun
    report.faults = count
    left = TaskResult.objects.exclude(args=["meanwhile"]).count()
    report.expect(left == 0, f"{left} are left")
    sizes = [each for each in sizes if each]
    # Growth counts from the time when all code is loaded.
    growth = max(sizes) - sizes[min(len(sizes) - 1, 15)]
    report.expect(growth <= GROWTH_MEBIBYTES, f"it has grown by {growth} MiB")
    report.notes += [
        f"{count:,} rows in {seconds:.0f} s",
        f"at most {max(sizes)} MiB, growth {max(growth, 0)} MiB",
        f"other tasks finished within {slowest:.1f} s",
    ]
    return report


def _resident(pid: int) -> int:
    from taskhub.worker.process.limits import resident_bytes

    return resident_bytes(pid) // (1024 * 1024)
