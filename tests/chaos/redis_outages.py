"""Redis that is stopped, full or slow, loses its data, or cannot be reached."""

import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any

import redis

from tests.chaos.proxy import Proxy, Weather
from tests.chaos.report import Report, scenario
from tests.chaos.stage import Stage
from tests.servers import wait_until

#: Work must resume within this time after a server is back.
BACK_SECONDS = 5.0
REQUIRED = "work resumes ≤ 5 s after the fault; no attempt counts as failed"


class Work:
    """A stream of tasks with one attempt each, before, during and after a fault."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._serial = 0
        #: The longest time for which one call has blocked the site.
        self.longest_call = 0.0

    def enqueue(self, count: int) -> list[Any]:
        """Enqueue `count` tasks at once; the call must not fail during a fault."""
        from tests.chaos import tasks

        labels = [(f"task {self._serial + n}",) for n in range(count)]
        self._serial += count
        begun = time.monotonic()
        results = tasks.once.enqueue_many(labels)
        self.longest_call = max(self.longest_call, time.monotonic() - begun)
        return results

    def seconds_to_resume(self) -> float:
        """Return the seconds from now until a task runs."""
        from tests.models import Trace

        # Close the broker, since the wait of this process must not be measured.
        self._stage.broker.close()
        begun = time.monotonic()
        before = Trace.objects.count()

        def has_resumed() -> bool:
            if time.monotonic() - begun < 30:
                self.enqueue(1)
            return Trace.objects.count() > before

        wait_until(has_resumed, "work to go on", 60)
        return time.monotonic() - begun

    def finish(self, report: Report, *, may_be_interrupted: bool = False) -> None:
        """Wait for all results, and count; interrupted tasks may have to restart."""
        begun = time.monotonic()
        report.expect(self._stage.wait_for_all(), "not everything was finished")
        report.notes.append(f"all finished {time.monotonic() - begun:.0f} s later")
        witness = self._stage.witness
        witness.count(report)
        begun_again, burnt = witness.begun_again(), witness.burnt()
        report.expect(burnt == 0, f"{burnt} attempts counted as failed")
        if may_be_interrupted:
            report.notes.append(f"{begun_again} repeated attempts")
        else:
            report.expect(begun_again == 0, f"{begun_again} attempts were repeated")
        report.expect(witness.runs_after_end() == 0, "one was run after its end")


def outage(
    stage: Stage, begin: Callable[[], object], end: Callable[[], object]
) -> Report:
    """Enqueue work while a server is unavailable for some seconds, a few times."""
    report = Report()
    stage.keep_nodes(2, "--processes=2")
    work = Work(stage)
    for _ in range(stage.pick(2, 1)):
        work.enqueue(stage.pick(500, 100))
        begin()
        report.faults += 1
        until = time.monotonic() + stage.pick(20, 4)
        while time.monotonic() < until:
            work.enqueue(5)
            time.sleep(0.2)
        end()
        report.took(work.seconds_to_resume(), most=BACK_SECONDS)
    work.finish(report)
    return report


@scenario(required=REQUIRED)
def redis_stopped(stage: Stage) -> Report:
    """Redis is killed, stays stopped for a while, and starts empty."""
    return outage(stage, stage.redis.stop, stage.redis.start)


@scenario(required=REQUIRED, full_only=True)
def redis_with_aof(stage: Stage) -> Report:
    """Redis is killed, and later starts with the data that it had written to disk."""
    client = stage.redis.client()
    client.config_set("appendonly", "yes")
    client.config_set("appendfsync", "everysec")
    plain = type(stage.redis).command
    stage.redis.command = lambda: [*plain(stage.redis)[:-1], "yes"]  # type: ignore[method-assign]
    stage.finally_do(lambda: stage.redis.__dict__.pop("command"))
    stage.finally_do(lambda: stage.redis.client().config_set("appendonly", "no"))
    return outage(stage, stage.redis.stop, stage.redis.start)


@scenario(required=REQUIRED)
def redis_hangs(stage: Stage) -> Report:
    """Redis does not answer for longer than its clients wait (`DEBUG SLEEP`)."""
    seconds = stage.pick(20, 8)
    # A site does not wait for a broker as long as a worker does.
    sleeper: list[Thread] = []

    def begin() -> None:
        client = stage.redis.client()
        sleep = lambda: client.execute_command("DEBUG", "SLEEP", seconds)  # noqa: E731
        sleeper.append(Thread(target=sleep))
        sleeper[-1].start()

    return outage(stage, begin, lambda: sleeper[-1].join())


@scenario(required=REQUIRED)
def network_swallows_everything(stage: Stage) -> Report:
    """The network takes all data and passes none on; connections stay open."""
    proxy = stage.use(Proxy(stage.redis.port))
    stage.configure(broker_url=f"redis://127.0.0.1:{proxy.port}/0")

    def set_weather(weather: Weather) -> None:
        proxy.weather = weather

    return outage(
        stage,
        lambda: set_weather(Weather.SWALLOWS),
        lambda: set_weather(Weather.FAIR),
    )


@contextmanager
def again_and_again(work: Callable[[], object], pause: float) -> Any:
    """Repeat some work in a thread; yield a list with one item for each time."""
    done: list[bool] = []
    stopping = Event()

    def run() -> None:
        while not stopping.wait(pause):
            with suppress(redis.RedisError):
                work()
                done.append(True)

    thread = Thread(target=run)
    thread.start()
    try:
        yield done
    finally:
        stopping.set()
        thread.join()


def nuisance(stage: Stage, work: Callable[[], object], pause: float) -> Report:
    """Enqueue work while something is done to Redis again and again."""
    report = Report()
    stage.keep_nodes(2, "--processes=2")
    stream = Work(stage)
    with again_and_again(work, pause) as done:
        for _ in range(stage.pick(100, 20)):
            stream.enqueue(20)
            time.sleep(0.2)
    report.faults = len(done)
    report.took(stream.seconds_to_resume(), most=BACK_SECONDS)
    stream.finish(report)
    return report


@scenario(required="0 lost; no attempt counts as failed; work resumes ≤ 5 s later")
def connections_killed(stage: Stage) -> Report:
    """`CLIENT KILL` ends every connection, in a loop."""
    client = stage.redis.client()
    return nuisance(
        stage,
        lambda: client.execute_command("CLIENT", "KILL", "TYPE", "normal"),
        0.1,
    )


@scenario(required="0 lost; no attempt counts as failed; work resumes ≤ 5 s later")
def scripts_flushed(stage: Stage) -> Report:
    """`SCRIPT FLUSH` deletes the Lua scripts, in a loop."""
    return nuisance(stage, stage.redis.client().script_flush, 0.02)


@scenario(required="0 lost; no attempt counts as failed; work resumes ≤ 5 s later")
def replies_dropped(stage: Stage) -> Report:
    """The network drops one reply in forty, and the connection with it."""
    report = Report()
    proxy = stage.use(Proxy(stage.redis.port))
    stage.configure(broker_url=f"redis://127.0.0.1:{proxy.port}/0")
    stage.keep_nodes(2, "--processes=2")
    work = Work(stage)
    proxy.weather = Weather.DROPS_REPLIES
    for _ in range(stage.pick(100, 20)):
        work.enqueue(20)
        time.sleep(0.2)
    proxy.weather = Weather.FAIR
    report.faults = proxy.dropped
    report.took(work.seconds_to_resume(), most=BACK_SECONDS)
    work.finish(report)
    report.notes.append(f"{proxy.dropped} replies dropped")
    return report


@scenario(
    required="waiting messages are run; work resumes ≤ 5 s later; "
    "no attempt counts as failed"
)
def redis_full(stage: Stage) -> Report:
    """Redis is full (`maxmemory`, noeviction): it refuses commands that need memory."""
    report = Report()
    stage.keep_nodes(2, "--processes=2")
    work = Work(stage)
    client = stage.redis.client()
    limit = client.config_get("maxmemory")["maxmemory"]
    stage.finally_do(lambda: stage.redis.client().config_set("maxmemory", limit))
    work.enqueue(stage.pick(2_000, 300))
    before = work.enqueue(stage.pick(2_000, 300))
    client.config_set("maxmemory", 1)
    report.faults += 1
    # Messages that were pushed before Redis became full still run.
    drained = stage.seconds_until(
        lambda: all(each.row.is_finished for each in before[-3:]), "it to be drained"
    )
    during = work.enqueue(10)
    time.sleep(stage.pick(20, 7))
    report.expect(not during[0].row.is_finished, "it was not full")
    client.config_set("maxmemory", limit)
    report.took(work.seconds_to_resume(), most=BACK_SECONDS)
    work.finish(report)
    report.notes.append(f"queue drained in {drained:.1f} s while Redis was full")
    return report
