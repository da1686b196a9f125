"""Hints for unknown options of `using()` and `apply_async()`, mostly Celery's."""

from taskhub.conf.hints import Hints

#: For `using()`.
USING_HINTS: Hints = {
    "countdown": "; did you mean run_after=timedelta(seconds=…)?",
    "eta": "; did you mean 'run_after'?",
    "expires": "; did you mean 'expires_after', a timedelta?",
    "headers": "; did you mean 'meta'?",
}

_BY_USING = "; did you mean .using(meta=…).apply_async(…)?"
_PUSHED_LATER = (
    ". A message that cannot be pushed is pushed later anyway; leave it out."
)
_IN_TASK = ". It is an option of @task: "

#: For `apply_async()`.
CELERY_HINTS: Hints = {
    "chord": ". There are no chords.",
    "compression": ". Messages are not compressed; leave it out.",
    "exchange": "; did you mean 'queue'?",
    "expires_after": "; did you mean 'expires', seconds or a datetime?",
    "headers": _BY_USING,
    "ignore_result": f'{_IN_TASK}keep="none".',
    "link": ". There are no callbacks; enqueue the next task at the end of this one.",
    "link_error": ". There are no callbacks; connect a receiver to task_finished.",
    "meta": _BY_USING,
    "retry": _PUSHED_LATER,
    "retry_policy": _PUSHED_LATER,
    "routing_key": "; did you mean 'queue'?",
    "run_after": "; did you mean 'eta' or 'countdown'?",
    "serializer": ". Arguments are always JSON; leave it out.",
    "soft_time_limit": f"{_IN_TASK}timeout.",
    "task_id": ". An id cannot be chosen; read it from result.id.",
    "time_limit": f"{_IN_TASK}hard_timeout.",
}
