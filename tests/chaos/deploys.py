"""Deploys: nodes are told to end while tasks run."""

import signal
import time
from typing import Any

from tests.chaos.nodes import pids_of
from tests.chaos.report import Report, scenario
from tests.chaos.stage import Stage
from tests.servers import wait_until


@scenario(required="tasks are given back before the kill; 0 deaths counted; 0 lost")
def deploys(stage: Stage) -> Report:
    """A node gets `SIGTERM`, and `SIGKILL` 30 s later, twice, while long tasks run."""
    from tests.chaos import tasks

    report = Report()
    # The times of Kubernetes, or shorter ones at small scale.
    grace, kill_after = (25, 30) if stage.full else (3, 8)
    gate = stage.gate()
    node = _start(stage, grace)
    tasks.behind_gate.enqueue_many([(f"sync {n}", str(gate)) for n in range(3)])
    tasks.async_behind_gate.enqueue_many([(f"async {n}", str(gate)) for n in range(3)])
    labels = [f"{kind} {n}" for kind in ("sync", "async") for n in range(3)]
    for deploy in (1, 2):
        wait_until(
            lambda: all(stage.witness.runs(each) == deploy for each in labels),  # noqa: B023
            "all",
        )
        waiting = [(f"short {deploy} {n}",) for n in range(50)]
        tasks.short.enqueue_many(waiting)
        seconds = _stop(node, kill_after)
        report.took(seconds, most=kill_after)
        report.faults += 1
        report.bound += len(labels)
        node = _start(stage, grace)
    wait_until(
        lambda: all(stage.witness.runs(each) == 3 for each in labels), "all again"
    )
    gate.touch()
    report.expect(stage.wait_for_all(), "not everything was finished")
    report.expect(_deaths() == 0, "a death was counted")
    stage.witness.count(report)
    report.notes.append("0 deaths counted")
    return report


def _start(stage: Stage, grace: int) -> Any:
    return stage.start_node("--processes=2", "--threads=4", f"--grace={grace}")


def _stop(node: Any, kill_after: float) -> float:
    """Stop a node, and kill it if it does not end; return how many seconds it took."""
    begun = time.monotonic()
    node.send(signal.SIGTERM)
    try:
        node.process.wait(kill_after)
    except Exception:
        for pid in reversed(pids_of(node)):
            import os

            os.kill(pid, signal.SIGKILL)
        node.process.wait()
    return time.monotonic() - begun


def _deaths() -> int:
    from taskhub.models import TaskResult
    from taskhub.retries import WORKER_DIED

    errors = TaskResult.objects.values_list("errors", flat=True)
    return sum(
        entry["exception_class_path"] == WORKER_DIED
        for entries in errors
        for entry in entries
    )
