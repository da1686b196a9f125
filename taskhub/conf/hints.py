"""
Hints for options that Celery has and taskhub does not.

Each hint ends the sentence "Unknown option 'x' in …".
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from taskhub.foundation.nearest import did_you_mean

Hints = Mapping[str, str | Callable[[Any], str]]


def _attempts(retries: Any) -> str:
    if type(retries) is int and retries >= 0:
        return (
            f"; did you mean max_attempts={min(retries + 1, 1_000)}, which counts the "
            "first attempt, too?"
        )
    return "; did you mean 'max_attempts', which counts the first attempt, too?"


def _on_worker_death(is_run_again: Any) -> str:
    if is_run_again:
        return '. This is the default, on_worker_death="retry"; leave it out.'
    return '; did you mean on_worker_death="fail"?'


def _keep(ignored: Any) -> str:
    return '. Write keep="none", or keep="errors", to keep no row of a finished run.'


#: For `@task`, and for the options of tasks in the settings.
TASK_HINTS: Hints = {
    "acks_late": _on_worker_death,
    "autoretry_for": "; did you mean 'retry_on', with max_attempts?",
    "base": ". There are no task classes to inherit from; write a middleware, put a "
    "decorator of your own below @task, or connect receivers to the signals of tasks.",
    "bind": "; did you mean takes_context=True? The first parameter is then called "
    "'context'.",
    "compression": ". Messages are not compressed; leave it out.",
    "countdown": ". Say when a task is enqueued: .using(run_after=timedelta(…)).",
    "default_retry_delay": "; did you mean backoff=fixed(seconds=…)?",
    "dont_autoretry_for": "; did you mean 'give_up_on'?",
    "eta": ". Say when a task is enqueued: .using(run_after=…).",
    "expires": "; did you mean 'expires_after', a timedelta?",
    "ignore_result": _keep,
    "max_retries": _attempts,
    "rate_limit": ". There are no rate limits; use a queue with few processes.",
    "reject_on_worker_lost": _on_worker_death,
    "retry_backoff": "; did you mean backoff=exponential(seconds=…)?",
    "retry_backoff_max": "; did you mean backoff=exponential(cap=timedelta(…))?",
    "retry_jitter": "; did you mean backoff=exponential(jitter=…)?",
    "retry_kwargs": "; did you mean 'max_attempts' and 'backoff'?",
    "run_after": ". run_after cannot be defined statically with the @task decorator. "
    "Use .using(run_after=...) to set it dynamically.",
    "serializer": ". Arguments are always JSON; leave it out.",
    "soft_time_limit": "; did you mean 'timeout'?",
    "store_errors_even_if_ignored": '; did you mean keep="errors"?',
    "time_limit": "; did you mean 'hard_timeout'?",
    "track_started": ". A run of more than 0.1 s is always shown as RUNNING; leave it "
    "out.",
}


def hint(option: str, value: Any, hints: Hints, known: Iterable[str]) -> str:
    """Return the end of an error message about an unknown option."""
    found = hints.get(option)
    if found is None:
        return did_you_mean(option, known)
    return found if isinstance(found, str) else found(value)
