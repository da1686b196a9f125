"""Everything at once: kills, wipes and crashes while ten thousand tasks run."""

import math
import time
from contextlib import suppress

from django.db import DatabaseError

from tests.chaos.nodes import Keeper, pids_of
from tests.chaos.report import Report, scenario
from tests.chaos.stage import Stage
from tests.servers import wait_until


@scenario(
    required="0 lost; extra runs ≤ tasks in flight at the kills; 0 double results",
)
def everything_at_once(stage: Stage) -> Report:
    """
    10,000 tasks run during 50 random `kill -9`, two wipes of Redis and two crashes.

    Short and long, sync and async tasks run on three nodes, which are restarted as by a
    service manager. One push in ten is never made, as if the site had died before it.
    """
    report = Report()
    # With this many kills in a minute, tasks look like poison; see `poison_kills`.
    stage.configure(max_redeliveries=50)
    # Tasks whose supervisor is killed have far more time than they need to finish.
    keeper = stage.keep_nodes(3, "--processes=2", "--grace=60")
    kills = stage.pick(50, 10)
    tasks_a_round = math.ceil(stage.pick(10_000, 1_500) / (kills + 5))
    wipes = {kills // 4: stage.wipe, kills * 3 // 5: stage.restart_redis}
    crashes = (kills * 2 // 5, kills * 4 // 5)
    if not stage.full:
        wipes, crashes = {kills // 4: stage.restart_redis}, crashes[:1]
    victims = ["node", "node", "node", "supervisor", *["child"] * 6] * (kills // 10)
    stage.random.shuffle(victims)
    producer = Producer(stage)
    # Enough tasks that some are always running.
    producer.enqueue(tasks_a_round * 5)
    begun = time.monotonic()
    for round_ in range(kills):
        producer.enqueue(tasks_a_round)
        time.sleep(stage.random.uniform(0.1, 1.5))
        if wipe := wipes.get(round_):
            wipe()
            report.faults += 1
        if round_ in crashes:
            crash(stage, producer)
            report.faults += 1
        report.bound += kill_something(stage, keeper, victims.pop())
        report.faults += 1
    everything = stage.wait_for_all()
    report.expect(everything, "not everything was finished")
    stage.witness.count(report)
    report.expect(
        stage.witness.runs_after_end() == 0, "something was run after its end"
    )
    report.expect(report.tasks >= tasks_a_round * (kills + 5), "some were not enqueued")
    report.notes += [
        f"{kills} kills",
        f"{keeper.restarts} nodes restarted",
        f"{time.monotonic() - begun:.0f} s in total",
    ]
    return report


def crash(stage: Stage, producer: "Producer") -> None:
    """Stop PostgreSQL at once while tasks run, and start it again soon after."""
    stage.stop_postgres()
    with suppress(DatabaseError):
        # The site gets an error, so nothing was promised for this task.
        producer.enqueue(1)
    time.sleep(stage.random.uniform(0.5, 3))
    stage.start_postgres()


def kill_something(stage: Stage, keeper: Keeper, victim: str) -> int:
    """Kill a node or one of its processes; return how many tasks were in flight."""
    # Nodes that were killed a moment ago are still being restarted.
    wait_until(lambda: any(len(pids_of(each)) > 1 for each in keeper.nodes), "a node")
    living = [pids for each in keeper.nodes if len(pids := pids_of(each)) > 1]
    pids = stage.random.choice(living)
    supervisor, *children = pids
    match victim:
        case "node":
            return stage.kill(pids)
        case "supervisor":
            # Its worker processes notice that, and finish their running tasks.
            return stage.kill([supervisor])
        case _:
            return stage.kill([stage.random.choice(children)])


class Producer:
    """Enqueues a mix of tasks, and sometimes leaves out the push."""

    def __init__(self, stage: Stage) -> None:
        self._random = stage.random
        self._serial = 0

    def enqueue(self, count: int) -> None:
        """Enqueue `count` tasks, up to ten at a time."""
        from taskhub import outbox
        from tests.chaos import tasks

        push = outbox._push_or_leave
        calls = {tasks.short: [], tasks.slow: [], tasks.waiting: []}
        for _ in range(count):
            task, *arguments = self._random.choices(
                [
                    (tasks.short,),
                    (tasks.slow, self._random.uniform(0.05, 0.2)),
                    (tasks.waiting, self._random.uniform(0.0, 1.0)),
                ],
                weights=[4, 3, 3],
            )[0]
            calls[task].append((f"task {self._serial}", *arguments))
            self._serial += 1
        try:
            for task, many in calls.items():
                while many:
                    some, many = many[:10], many[10:]
                    died = self._random.random() < 0.1
                    outbox._push_or_leave = _die if died else push
                    task.enqueue_many(some)
        finally:
            outbox._push_or_leave = push


def _die(*args: object) -> None:
    """Leave out the push, as if the process had died before it."""
