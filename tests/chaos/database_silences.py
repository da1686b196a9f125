"""A database that says nothing: behind a firewall that forgets, or frozen itself."""

from tests.chaos.proxy import Proxy
from tests.chaos.redis_outages import Work
from tests.chaos.report import Report, scenario
from tests.chaos.stage import Stage
from tests.servers import wait_until

#: What the system needs to give up a connection that is silent, and to spare.
SILENCE_SECONDS = 60.0


@scenario(asked="work resumes ≤ 60 s later, no attempt burnt")
def firewall_forgets(stage: Stage) -> Report:
    """A firewall forgets idle connections to PostgreSQL, and drops what they carry."""
    report, work = Report(), Work(stage)
    network = stage.use(Proxy(stage.postgres.port))
    here, there = f":{stage.postgres.port}/", f":{network.port}/"
    stage.keep_nodes(
        stage.pick(2, 1),
        "--processes=2",
        "--beat",
        DATABASE_URL=stage.postgres.url.replace(here, there),
    )
    for _ in range(stage.pick(3, 1)):
        results = work.enqueue(100)
        last = results[-1]
        wait_until(lambda last=last: last.row.is_finished, "connections to be idle")
        report.faults += network.forget()
        report.took(work.seconds_to_resume(), most=SILENCE_SECONDS)
    report.expect(report.faults, "there was no connection to forget")
    work.finish(report, may_be_interrupted=True)
    return report
