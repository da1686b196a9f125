"""Clocks that are wrong by an hour, on workers and on sites that enqueue."""

from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

from django.utils import timezone

from tests.chaos.nodes import run_command
from tests.chaos.report import Report, scenario
from tests.chaos.stage import Stage
from tests.servers import ServerMissing, wait_until

#: How early a task may begin. All processes of one machine have the same clock.
EARLY_SECONDS = 0.1


def library() -> Path:
    """Return the path of libfaketime. Raise ServerMissing if it is not installed."""
    spec = find_spec("libfaketime")
    if spec is None or spec.origin is None:
        raise ServerMissing("no libfaketime wheel")
    found = sorted(Path(spec.origin).parent.rglob("libfaketime.so.1"))
    if not found:
        raise ServerMissing("no libfaketime.so.1 in the libfaketime wheel")
    return found[0]


def another_time(offset: str) -> dict[str, str]:
    """Return an environment that shifts the clock by seconds: "+3600" or "-3600"."""
    return {
        "LD_PRELOAD": str(library()),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME": offset,
    }


@scenario(
    required="0 lost; no task runs early; no lease is stolen; "
    "retries and sweeps are on time",
    needs=library,
)
def clocks_of_workers(stage: Stage) -> Report:
    """Workers have clocks that are an hour ahead or an hour behind."""
    from taskhub import outbox
    from tests.chaos import tasks

    report = Report()
    stage.configure(lease_seconds=3.0)
    # With the library that sets the clocks, about thirty-five tasks a second run. With
    # many more tasks, the scenario would measure the library.
    count = stage.pick(60, 40)
    ahead = stage.start_node("--processes=1", **another_time("+3600"))
    behind = stage.start_node("--processes=1", **another_time("-3600"))
    stage.wait_for_work(count=2)
    gate = stage.gate()
    tasks.behind_gate.enqueue_many([("long 0", str(gate)), ("long 1", str(gate))])
    wait_until(
        lambda: stage.witness.runs("long 0") and stage.witness.runs("long 1"),
        "both to begin",
    )
    # Both nodes are busy for longer than a lease, and must keep their messages.
    wait_until(lambda: _age(stage, "long 0") > 8, "some leases to pass")
    gate.touch()
    stage.wait_for_all()
    report.expect("Took back" not in stage.logs(), "a lease was stolen")
    for number in range(count):
        delay = timedelta(seconds=stage.random.uniform(1, 5))
        tasks.once.using(run_after=delay).enqueue(f"delayed {number}")
        tasks.once.enqueue(f"now {number}")
        tasks.fail_at_first.enqueue(f"again {number}")
    push, outbox._push_or_leave = outbox._push_or_leave, lambda config, rows: None
    tasks.once.enqueue_many([(f"never pushed {number}",) for number in range(count)])
    outbox._push_or_leave = push
    seconds = stage.seconds_until(lambda: _all_finished(), "all results")
    report.took(seconds, most=20.0)
    report.faults += 2
    early = _earliest(stage)
    report.expect(early <= EARLY_SECONDS, f"one was {early:.1f} s early")
    report.expect(ahead.stop() == 0 and behind.stop() == 0, "a node did not end well")
    stage.witness.count(report)
    # Tasks of `fail_at_first` run twice.
    report.extra -= count
    report.notes.append(f"at most {max(early, 0):.1f} s early")
    return report


def _all_finished() -> bool:
    from taskhub.models import TaskResult

    return not TaskResult.objects.unfinished().exists()


def _age(stage: Stage, label: str) -> float:
    from tests.models import Trace

    return float((timezone.now() - Trace.objects.get(label=label).at).total_seconds())


def _earliest(stage: Stage) -> float:
    """Return how many seconds early the earliest task began, by the true clock."""
    (row,) = stage.postgres.ask(
        "SELECT max(extract(epoch FROM result.run_after - trace.at)) "
        "FROM tests_trace trace JOIN taskhub_taskresult result "
        "ON result.args ->> 0 = trace.label WHERE trace.label LIKE 'delayed%'"
    )
    return float(row[0])


@scenario(
    required="0 lost; due tasks run at once; no message is pushed late",
    needs=library,
)
def clocks_of_sites(stage: Stage) -> Report:
    """Sites enqueue with clocks that are an hour ahead or an hour behind."""
    report = Report()
    stage.keep_nodes(2, "--processes=1")
    count = stage.pick(200, 40)
    code = (
        "from tests.chaos.tasks import once; "
        f"once.enqueue_many([(f'{{n}} %s',) for n in range({count})])"
    )
    for offset in ("+3600", "-3600"):
        for faults in ("", "before_push"):
            label = f"{offset} {faults}"
            variables = another_time(offset) | {"FAULTS": faults}
            run_command("shell", "-c", code % label, **variables)
            report.faults += 1
            most = 10.0 if faults else 5.0
            seconds = stage.seconds_until(_all_finished, f"what {label} has enqueued")
            report.expect(seconds <= most, f"{label} took {seconds:.0f} s")
            report.took(seconds, most=10.0)
    stage.witness.count(report)
    report.expect(report.tasks == 4 * count, f"{report.tasks} were enqueued")
    return report
