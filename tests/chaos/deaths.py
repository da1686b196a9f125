"""Processes that die or freeze: worker processes, nodes and sites that enqueue."""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.chaos.nodes import pids_of, run_command
from tests.chaos.report import Report, scenario
from tests.chaos.stage import Stage
from tests.servers import wait_until


def begin(stage: Stage, label: str, gate: Path) -> int:
    """Start a task that waits for a gate; return the pid of its worker process."""
    from tests.chaos import tasks
    from tests.models import Trace

    tasks.behind_gate.enqueue(label, str(gate))
    wait_until(lambda: stage.witness.runs(label), f"{label} to begin")
    return Trace.objects.get(label=label).pid


@scenario(required="its tasks run again ≤ 1 s later")
def process_died(stage: Stage) -> Report:
    """A worker process is killed with `kill -9` while it runs a task."""
    report = Report()
    stage.keep_nodes(1, "--processes=3")
    for number in range(stage.pick(20, 3)):
        label, gate = f"task {number}", stage.gate(f"gate {number}")
        pid = begin(stage, label, gate)
        report.bound += stage.kill([pid])
        seconds = stage.seconds_until(
            lambda: stage.witness.runs(label) == 2,  # noqa: B023
            "another run",
        )
        report.took(seconds, most=1.0)
        report.faults += 1
        gate.touch()
        stage.wait_for_all()
    stage.witness.count(report)
    return report


@scenario(required="its tasks run again ≤ lease + 5 s later")
def node_died(stage: Stage) -> Report:
    """A whole node is killed with `kill -9`; another node runs its tasks."""
    report = Report()
    lease = stage.pick(30, 3)
    stage.configure(lease_seconds=float(lease))
    gate = stage.gate()
    doomed = stage.start_node("--processes=2")
    for label in ("one", "two"):
        begin(stage, label, gate)
    stage.start_node("--processes=2")
    stage.wait_for_work(count=2)
    report.bound += stage.kill(pids_of(doomed))
    report.faults += 1
    seconds = stage.seconds_until(
        lambda: stage.witness.runs("one") == stage.witness.runs("two") == 2,
        "other runs",
    )
    report.took(seconds, most=lease + 5.0)
    report.notes.append(f"lease {lease} s")
    gate.touch()
    stage.wait_for_all()
    stage.witness.count(report)
    return report


@scenario(required="its messages are in the broker ≤ 10 s later")
def died_before_the_push(stage: Stage) -> Report:
    """A site is killed between its commit and the push."""
    from taskhub.models import TaskResult

    report = Report()
    stage.keep_nodes(1, "--processes=2")
    for _ in range(stage.pick(5, 1)):
        before = TaskResult.objects.count()
        code = (
            "from tests.chaos.tasks import once; once.enqueue_many([('%s',), ('%s',)])"
        )
        labels = (f"task {before}", f"task {before + 1}")
        done = run_command("shell", "-c", code % labels, FAULTS="before_push")
        report.expect(done.returncode == -signal.SIGKILL, "the site was not killed")
        report.faults += 1
        seconds = stage.seconds_until(
            lambda: not TaskResult.objects.unfinished().exists(), "them to be run"
        )
        report.took(seconds, most=10.0)
        report.expect(TaskResult.objects.count() == before + 2, "no rows were there")
    stage.witness.count(report)
    report.expect(stage.witness.burnt() == 0, "an attempt counted as failed")
    return report


@scenario(required="no finished task runs again")
def died_before_acknowledging(stage: Stage) -> Report:
    """A worker process is killed between the commit and the acknowledgement."""
    from taskhub.messages import Depth
    from taskhub.models import TaskResult
    from tests.chaos import tasks

    report = Report()
    faulty = stage.start_node("--processes=2", FAULTS="before_settling")
    for round_ in range(stage.pick(10, 3)):
        # Each process dies after it has committed its first group of outcomes.
        first = round_ * 20
        tasks.once.enqueue_many([(f"task {first + n}",) for n in range(20)])
        wait_until(lambda: faulty.log.count("SIGKILL") > report.faults, "a death")
        report.faults += 1
    wait_until(TaskResult.objects.finished().exists, "outcomes")
    report.bound += stage.kill(pids_of(faulty))
    stage.start_node("--processes=2")
    stage.wait_for_all()
    stage.witness.count(report)
    # In the end, every message is acknowledged.
    wait_until(lambda: stage.broker.depth("default") == Depth(), "an empty broker")
    report.expect(
        stage.witness.runs_after_end() == 0, "something was run after its end"
    )
    # Only tasks whose outcomes were not yet committed may run again.
    report.bound = stage.witness.burnt()
    return report


@scenario(required="its late writes are refused; atomic tasks take effect exactly once")
def frozen(stage: Stage) -> Report:
    """A node is stopped (`SIGSTOP`) past its lease, and resumed."""
    report = Report()
    lease = 2.0
    stage.configure(lease_seconds=lease)
    gate = stage.gate()
    zombie = stage.start_node("--processes=2", "--threads=5")
    _enqueue_behind(gate)
    running = [f"sync {number}" for number in range(4)]
    wait_until(
        lambda: all(map(stage.witness.runs, [*running, "async 0", "async 1"])), "all"
    )
    wait_until(lambda: _marked() >= 8, "all to be marked")
    pids = pids_of(zombie)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    report.faults += 1
    report.bound += 6
    heir = stage.start_node("--processes=2", "--threads=5")
    seconds = stage.seconds_until(
        lambda: all(stage.witness.runs(label) == 2 for label in running),
        "the heir to run them",
    )
    report.took(seconds, most=lease + 30.0)
    # The zombie resumes while its heir still runs the same tasks.
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    if stage.random.random() < 0.5:
        time.sleep(1)
    gate.touch()
    report.expect(stage.wait_for_all(), "not everything was finished")
    report.expect(heir.stop() == 0 and zombie.stop() == 0, "a node did not end well")
    stage.witness.count(report)
    for number in range(2):
        report.expect(
            stage.witness.runs(f"atomic {number}") == 1, "an atomic task ran twice"
        )
    report.notes.append("2 atomic tasks took effect once each")
    return report


@scenario(required="messages that it had not started run once")
def frozen_with_reserves(stage: Stage) -> Report:
    """A node that has reserved many short tasks is stopped past its lease."""
    from tests.chaos import tasks
    from tests.models import Trace

    report = Report()
    stage.configure(lease_seconds=2.0)
    count = stage.pick(4_000, 800)
    tasks.short.enqueue_many([(f"short {number}",) for number in range(count)])
    zombie = stage.start_node("--processes=2")
    wait_until(lambda: Trace.objects.count() > count / 4, "some to be begun")
    pids = pids_of(zombie)
    _freeze_outside_of_transactions(stage, pids)
    report.faults += 1
    # Each of its two processes may have been about to start one more task.
    report.bound += stage.witness.in_flight(pids) + 2
    heir = stage.start_node("--processes=2")
    report.expect(stage.wait_for_all(), "not everything was finished")
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    # The zombie notices that its leases have ended, and starts new processes.
    wait_until(lambda: "lease of" in zombie.log, "it to notice")
    stage.wait_for_work()
    report.expect(heir.stop() == 0 and zombie.stop() == 0, "a node did not end well")
    stage.witness.count(report)
    return report


def _freeze_outside_of_transactions(stage: Stage, pids: Sequence[int]) -> None:
    """Stop processes outside of transactions, so that they hold no database locks."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(0.2)
    while stage.witness.left_open():
        for number in (signal.SIGCONT, signal.SIGSTOP):
            for pid in pids:
                os.kill(pid, number)
            time.sleep(stage.random.uniform(0.001, 0.01))
        time.sleep(0.2)


def _enqueue_behind(gate: Path) -> None:
    from tests.chaos import tasks

    for kind, count in (("behind_gate", 4), ("atomic_behind_gate", 2)):
        name = "atomic" if "atomic" in kind else "sync"
        for number in range(count):
            getattr(tasks, kind).enqueue(f"{name} {number}", str(gate))
    for number in range(2):
        tasks.async_behind_gate.enqueue(f"async {number}", str(gate))


def _marked() -> int:
    from taskhub.models import TaskResult

    return TaskResult.objects.running().count()


@scenario(required="leases do not end; running tasks finish")
def stewardless(stage: Stage) -> Report:
    """A steward and a supervisor are killed while tasks run."""
    report = Report()
    stage.configure(lease_seconds=3.0)
    gate = stage.gate()
    keeper = stage.keep_nodes(1, "--processes=2", "--grace=60")
    pid = begin(stage, "long", gate)
    for _ in range(stage.pick(5, 2)):
        steward = _steward(keeper.nodes[0], pid)
        os.kill(steward, signal.SIGKILL)
        report.faults += 1
        # Longer than a lease.
        time.sleep(4)
    report.expect(stage.witness.runs("long") == 1, "it was taken from a living process")
    supervisor = keeper.nodes[0].process.pid
    os.kill(supervisor, signal.SIGKILL)
    report.faults += 1
    time.sleep(4)
    report.expect(stage.witness.runs("long") == 1, "it was taken from an orphan")
    gate.touch()
    stage.wait_for_all()
    report.expect(stage.witness.burnt() == 0, "an attempt counted as failed")
    stage.witness.count(report)
    return report


def _steward(node: Any, worker: int) -> int:
    """Return the pid of a node's steward: the child process without a token."""
    from taskhub.models import Node

    def find() -> list[int]:
        row = Node.objects.filter(pid=node.process.pid).first()
        workers = {each["pid"] for each in row.workers} if row else set()
        rest = set(node.children()) - workers
        return list(rest) if worker in workers and len(rest) == 1 else []

    wait_until(find, "the steward to tell of the node")
    return find()[0]
