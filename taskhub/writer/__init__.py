"""
The one pen for outcomes: what workers found out goes into rows here and nowhere else.

The fence, which every write goes through: a row is changed only while it is unfinished,
and only by the attempt that it belongs to. A row belongs to nobody until an attempt has
put its number and its worker into it, by being marked RUNNING or by a claim; whoever
comes first with an outcome of an unclaimed row has it. So a worker that was thought
dead, and whose message somebody else has claimed, writes nothing any more.

Functions here are given groups and write each in one transaction; see
`writer/thread/group_writer.py` for who makes the groups.
"""

from taskhub.writer.attempts import (
    Attempt,
    Logged,
    Outcome,
    Progress,
    Quarantined,
)
from taskhub.writer.claims import NotDue, claim, deaths_of
from taskhub.writer.ended import Ended
from taskhub.writer.given_back import (
    GivenBack,
    write_deaths,
    write_deaths_of,
    write_given_back,
)
from taskhub.writer.groups import (
    mark_running,
    quarantine,
    write_group,
    write_progress,
)
from taskhub.writer.interventions import (
    read_cancelled,
    write_cancelled,
    write_forced,
    write_retried,
)
from taskhub.writer.outages import (
    concerns_database,
    is_outage,
    probe,
    tells_of_server,
    was_cut_off,
)
from taskhub.writer.outcomes import write_outcomes
from taskhub.writer.tally import Tally, write_metrics
from taskhub.writer.transient import is_transient, may_be_transient

__all__ = [
    "Attempt",
    "Ended",
    "GivenBack",
    "Logged",
    "NotDue",
    "Outcome",
    "Progress",
    "Quarantined",
    "Tally",
    "claim",
    "concerns_database",
    "deaths_of",
    "is_outage",
    "is_transient",
    "mark_running",
    "may_be_transient",
    "probe",
    "quarantine",
    "read_cancelled",
    "tells_of_server",
    "was_cut_off",
    "write_cancelled",
    "write_deaths",
    "write_deaths_of",
    "write_forced",
    "write_given_back",
    "write_group",
    "write_metrics",
    "write_outcomes",
    "write_progress",
    "write_retried",
]
