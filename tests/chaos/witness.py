"""
The witness: counts executions and outcomes independently of the nodes.

Executions are counted by the traces that tasks write into a separate table. Outcomes
are counted by a trigger, which records each write of a finished row.
"""

from collections.abc import Sequence

from tests.chaos.report import Report
from tests.chaos.servers import Postgres


class Witness:
    """Counts rows of a PostgreSQL, with its own statements."""

    def __init__(self, postgres: Postgres) -> None:
        self._ask = postgres.ask

    def begin(self) -> None:
        """Create the trigger that records outcomes."""
        self._ask(_TRIGGER)

    def forget(self) -> None:
        """Empty the tables of taskhub, of traces and of outcomes."""
        names = [row[0] for row in self._ask(_TABLES)]
        self._ask(f"TRUNCATE {', '.join(names)}")

    def in_flight(self, pids: Sequence[int]) -> int:
        """Count the tasks that these processes have started and not finished."""
        return int(self._ask(_IN_FLIGHT.format(list(pids)))[0][0])

    def count(self, report: Report) -> None:
        """Add tasks, losses, extra runs and double results to a report."""
        rows = self._ask(_OUTCOMES)
        report.tasks += len(rows)
        report.lost += sum(1 for _label, right, _runs, _ends in rows if not right)
        report.extra += sum(max(0, runs - 1) for _label, _right, runs, _ends in rows)
        report.double += sum(max(0, ends - 1) for _label, _right, _runs, ends in rows)

    def burnt(self) -> int:
        """Count the attempts that failed."""
        return int(self._ask(_BURNT)[0][0])

    def begun_again(self) -> int:
        """Count the attempts beyond the first of each result."""
        return int(self._ask(_BEGUN_AGAIN)[0][0])

    def runs_after_end(self) -> int:
        """Count the executions that began after their result had finished."""
        return int(self._ask(_AFTER_END)[0][0])

    def left_open(self) -> int:
        """Count the open transactions that are idle."""
        return int(self._ask(_LEFT_OPEN)[0][0])

    def runs(self, label: str) -> int:
        """Count how often a task has started."""
        from tests.models import Trace

        return Trace.objects.filter(label=label).count()


_TABLES = """
    SELECT tablename FROM pg_tables WHERE schemaname = 'public'
    AND (tablename LIKE 'taskhub%' OR tablename IN ('tests_trace', 'chaos_outcome'))
"""

_LEFT_OPEN = """
    SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'
"""

# Every update that finishes a row, or that changes a finished row, is an outcome.
_TRIGGER = """
    CREATE TABLE chaos_outcome (result uuid);
    CREATE FUNCTION note_outcome() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO chaos_outcome VALUES (NEW.id);
        RETURN NULL;
    END $$;
    CREATE TRIGGER note_outcome AFTER UPDATE ON taskhub_taskresult FOR EACH ROW
    WHEN (NEW.status IN ('SUCCESSFUL', 'FAILED', 'CANCELLED'))
    EXECUTE FUNCTION note_outcome();
    CREATE INDEX ON tests_trace (pid);
    CREATE INDEX ON tests_trace (label);
"""

_IN_FLIGHT = """
    SELECT count(DISTINCT trace.label) FROM tests_trace trace
    JOIN taskhub_taskresult result ON result.args ->> 0 = trace.label
    WHERE trace.pid = ANY(ARRAY{}::int[]) AND result.status IN ('READY', 'RUNNING')
"""

# For each label: whether its result is right, how often it ran and how often it ended.
_OUTCOMES = """
    SELECT result.args ->> 0,
        result.status = 'SUCCESSFUL'
            AND result.return_value::jsonb = (result.args -> 0)::jsonb
            AND (coalesce(runs, 0) > 0 OR result.task_path LIKE '%.echo'),
        coalesce(runs, 0),
        coalesce(ends, 0)
    FROM taskhub_taskresult result
    LEFT JOIN (SELECT label, count(*) AS runs FROM tests_trace GROUP BY label) trace
        ON trace.label = result.args ->> 0
    LEFT JOIN (SELECT result, count(*) AS ends FROM chaos_outcome GROUP BY result) over
        ON over.result = result.id
"""

_BURNT = "SELECT coalesce(sum(jsonb_array_length(errors)), 0) FROM taskhub_taskresult"
_BEGUN_AGAIN = """
    SELECT coalesce(sum(greatest(attempts - 1, 0)), 0) FROM taskhub_taskresult
"""

_AFTER_END = """
    SELECT count(*) FROM tests_trace trace
    JOIN taskhub_taskresult result ON result.args ->> 0 = trace.label
    WHERE trace.at > result.finished_at
"""
