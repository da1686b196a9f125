"""
The writer: all code that writes the progress and the outcomes of tasks into rows.

Outcomes pass the fence (`fence.py`). Writes for operators are in `interventions.py`.
Most functions take a group, and write it in one transaction. In worker processes, the
thread in `taskhub.writer.thread` forms the groups.
"""

from taskhub.writer.attempts import Attempt, Logged, Outcome, Progress, Quarantined
from taskhub.writer.claims import NotDue, claim, deaths_of
from taskhub.writer.ended import Ended
from taskhub.writer.given_back import write_deaths, write_deaths_of
from taskhub.writer.interventions import (
    read_cancelled,
    write_cancelled,
    write_decided,
    write_forced,
    write_retried,
)
from taskhub.writer.outages import concerns_database, is_outage, was_cut_off
from taskhub.writer.outcomes import write_outcomes
from taskhub.writer.tally import Tally
from taskhub.writer.transient import is_transient, may_be_transient

__all__ = [
    "Attempt",
    "Ended",
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
    "may_be_transient",
    "read_cancelled",
    "was_cut_off",
    "write_cancelled",
    "write_deaths",
    "write_deaths_of",
    "write_decided",
    "write_forced",
    "write_outcomes",
    "write_retried",
]
