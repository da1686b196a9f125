"""Tasks that harm their own process."""

import resource
from typing import Any

from tests.chaos.report import Report, scenario
from tests.chaos.stage import Stage
from tests.servers import wait_until

#: How often a task that kills its process may start: once, and two redeliveries.
MOST_RUNS = 3


def finish(stage: Stage, report: Report, poison: list[Any]) -> None:
    """Wait for all results, and count them, without the poison's own results."""
    report.expect(stage.wait_for_all(), "not everything was finished")
    stage.witness.count(report)
    # The witness counts the poison as lost and as extra runs; it is neither.
    report.lost -= sum(each.row.status == "FAILED" for each in poison)
    report.extra -= sum(
        max(0, stage.witness.runs(each.row.args[0]) - 1) for each in poison
    )
    report.faults += len(poison)


@scenario(required="at most 3 executions; other tasks are not affected")
def poison_kills(stage: Stage) -> Report:
    """Sync and async tasks kill their process in every run, beside other tasks."""
    from taskhub.models import TaskResult
    from tests.chaos import tasks

    report = Report()
    stage.keep_nodes(1, "--processes=2", "--threads=3")
    poison = []
    for number in range(stage.pick(6, 2)):
        kill = (tasks.kill_process, tasks.async_kill_process)[number % 2]
        tasks.slow.enqueue_many([(f"sync {number} {n}", 1) for n in range(4)])
        tasks.waiting.enqueue_many([(f"async {number} {n}", 2) for n in range(20)])
        wait_until(lambda: stage.witness.runs(f"async {number} 0"), "neighbours")  # noqa: B023
        poison.append(kill.enqueue(f"kill {number}"))
    finish(stage, report, poison)
    most = max(stage.witness.runs(each.row.args[0]) for each in poison)
    report.expect(most <= MOST_RUNS, f"poison was run {most} times")
    report.expect(all(each.row.status == "FAILED" for each in poison), "no failure")
    # A task in the same process may die with it twice; then the poison runs alone.
    others = TaskResult.objects.exclude(id__in=[each.id for each in poison])
    harmed = others.filter(attempts__gt=MOST_RUNS).count()
    report.expect(not harmed, f"{harmed} other tasks were run too often")
    report.bound = stage.witness.burnt() - 3 * len(poison)
    report.notes.append(f"poison tasks run at most {most} times")
    return report


@scenario(
    required="the task fails or its process is replaced; other tasks are not affected"
)
def eats_memory(stage: Stage) -> Report:
    """Tasks use more memory than a limit of the system, or of the node, allows."""
    from tests.chaos import tasks

    report = Report()
    limit = 1_500 * 1024 * 1024
    node = stage.start_node("--processes=2", "--memory-per-process=300")
    stage.wait_for_work()
    for pid in (node.process.pid, *node.children()):
        resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))
    poison = [tasks.eat_memory.enqueue("eat", 4_000)]
    kept = [tasks.keep_memory.enqueue(f"keep {n}", 200) for n in range(4)]
    tasks.short.enqueue_many([(f"short {n}",) for n in range(50)])
    finish(stage, report, poison)
    error = poison[0].row.errors[-1]["exception_class_path"]
    report.expect(error.endswith("MemoryError"), f"it failed with {error}")
    report.expect(all(each.row.status == "SUCCESSFUL" for each in kept), "one failed")
    report.expect("it has grown to" in node.log, "no process was replaced")
    report.expect(stage.witness.burnt() == 1, "another attempt counted as failed")
    return report


@scenario(required="leases do not end; at most 3 executions", full_only=True)
def holds_the_interpreter(stage: Stage) -> Report:
    """A task holds the GIL for a minute, past its hard limit."""
    from tests.chaos import tasks

    report = Report()
    stage.configure(lease_seconds=2.0)
    stage.keep_nodes(1, "--processes=2", "--threads=2")
    poison = [tasks.keep_the_interpreter.enqueue("hold", 60)]
    wait_until(lambda: stage.witness.runs("hold"), "it to begin")
    tasks.short.enqueue_many([(f"short {n}",) for n in range(50)])
    finish(stage, report, poison)
    runs = stage.witness.runs("hold")
    report.expect(runs <= MOST_RUNS, f"it was run {runs} times")
    report.notes.append(f"the holding task run {runs} times")
    return report


@scenario(required="each task fails or does no harm; other tasks are not affected")
def misbehaves(stage: Stage) -> Report:
    """Tasks fork, exit, close the database connection or make the server close it."""
    from tests.chaos import tasks

    report = Report()
    stage.keep_nodes(1, "--processes=2", "--threads=1")
    rounds = stage.pick(10, 2)
    poison = []
    for number in range(rounds):
        poison += [
            tasks.exit_process.enqueue(f"exit {number}"),
            tasks.lose_connection.enqueue(f"lose {number}"),
        ]
        tasks.fork_and_leave.enqueue(f"fork {number}")
        tasks.start_program.enqueue(f"program {number}")
        tasks.close_connection.enqueue(f"close {number}")
        tasks.short.enqueue_many([(f"short {number} {n}",) for n in range(10)])
    finish(stage, report, poison)
    report.expect(
        stage.witness.burnt() == len(poison), "another attempt counted as failed"
    )
    exits = [tasks.exit_at_once.enqueue(f"leave {n}") for n in range(2)]
    tasks.short.enqueue_many([(f"last {n}",) for n in range(20)])
    stage.wait_for_all()
    runs = max(stage.witness.runs(each.row.args[0]) for each in exits)
    report.expect(runs <= MOST_RUNS, f"one that ends its process was run {runs} times")
    report.expect(
        stage.witness.runs_after_end() == 0, "something was run after its end"
    )
    return report
