"""
Schedules: when a periodic task fires. Plain values and pure functions.

    from taskhub.schedules import cron, every, once, solar

    cron("0 3 * * MON-FRI", tz="Europe/Berlin")
    every(minutes=10)
    once(datetime(2027, 1, 1, tzinfo=UTC))
    solar("sunset", latitude=52.52, longitude=13.40)

A `Schedule` returns the tick that follows a moment. It uses no clock and no database.
A row stores its text, such as "cron 0 3 * * * Europe/Berlin" or "every 10 minutes",
which `parse` reads.
"""

from taskhub.schedules.clocked import Clocked, once
from taskhub.schedules.cron import Cron, cron
from taskhub.schedules.interval import Interval, every
from taskhub.schedules.schedule import Schedule, zone_fault
from taskhub.schedules.solar import Solar, solar
from taskhub.schedules.span import Span
from taskhub.schedules.text import parse
from taskhub.schedules.unreadable import Unreadable, read

__all__ = [
    "Clocked",
    "Cron",
    "Interval",
    "Schedule",
    "Solar",
    "Span",
    "Unreadable",
    "cron",
    "every",
    "once",
    "parse",
    "read",
    "solar",
    "zone_fault",
]
