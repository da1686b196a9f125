"""A database that does not answer: its connections are forgotten, or it is frozen."""

import time
from threading import Event, Thread
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from tests.chaos.proxy import Proxy
from tests.chaos.redis_outages import BACK_SECONDS, REQUIRED, Work
from tests.chaos.report import Report, scenario
from tests.chaos.stage import Stage
from tests.servers import free_port

#: More than the operating system needs to give up a silent connection.
SILENCE_SECONDS = 60.0


@scenario(required="work resumes ≤ 60 s later; no attempt counts as failed")
def firewall_forgets(stage: Stage) -> Report:
    """A firewall forgets connections to PostgreSQL, which ends idle transactions."""
    from tests.idle_transactions import idle_transactions_end

    report, work = Report(), Work(stage)
    stage.use(idle_transactions_end())
    network = stage.use(Proxy(stage.postgres.port))
    here, there = f":{stage.postgres.port}/", f":{network.port}/"
    stage.keep_nodes(
        stage.pick(2, 1),
        "--processes=2",
        "--beat",
        DATABASE_URL=stage.postgres.url.replace(here, there),
    )
    for _ in range(stage.pick(3, 1)):
        work.enqueue(100)
        # A task that runs when its connection is forgotten would have to run again.
        report.expect(stage.wait_for_all(), "connections were not idle")
        report.faults += network.forget()
        report.took(work.seconds_to_resume(), most=SILENCE_SECONDS)
    report.expect(report.faults, "there was no connection to forget")
    work.finish(report, may_be_interrupted=True)
    return report


@scenario(required=f"{REQUIRED}; `/live` stays 200; no process ends")
def database_frozen(stage: Stage) -> Report:
    """All processes of PostgreSQL are stopped (`SIGSTOP`) mid-run, then resumed."""
    from tests.chaos import tasks

    report, work = Report(), Work(stage)
    port = free_port()
    keeper = stage.keep_nodes(1, "--processes=2", "--beat", f"--health-port={port}")
    pids = keeper.nodes[0].children()
    probes = Probes(f"http://127.0.0.1:{port}/live")
    stage.finally_do(probes.stop)
    probes.start()
    work.enqueue(stage.pick(5_000, 1_000))
    tasks.echo.enqueue_many([(f"echo {n}",) for n in range(500)])
    for _ in range(stage.pick(2, 1)):
        stage.reconnect()
        with stage.postgres.frozen():
            report.faults += 1
            time.sleep(stage.pick(60, 5))
        report.took(work.seconds_to_resume(), most=BACK_SECONDS)
    work.finish(report, may_be_interrupted=True)
    probes.stop()
    report.notes.append(f"{probes.count} probes")
    report.expect(not probes.bad, f"/live said {[*probes.bad][:3]}")
    report.expect(probes.count, "no request for /live was sent")
    report.expect(keeper.nodes[0].children() == pids, "a process was replaced")
    return report


class Probes:
    """A thread that requests a node's health page again and again."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stopping = Event()
        self._thread = Thread(target=self._ask, name="probes", daemon=True)
        self.count = 0
        #: Error statuses and connection errors.
        self.bad: set[str] = set()

    def start(self) -> None:
        """Start the requests."""
        self._thread.start()

    def stop(self) -> None:
        """End the requests. May be called more than once."""
        self._stopping.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._stopping.wait(0.2):
            try:
                with urlopen(self._url, timeout=5) as answer:  # noqa: S310  our own
                    answer.read()
            except HTTPError as error:
                self.bad.add(str(error.code))
            except (URLError, OSError) as error:
                self.bad.add(str(error))
            self.count += 1
