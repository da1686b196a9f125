"""The arguments of a run, as its function takes them."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import sync_to_async

from taskhub.execution.runs import Run
from taskhub.tasks.codec import decode, has_references

#: Returns the positional and the keyword arguments of a run.
ArgumentsOf = Callable[[Run], tuple[list[Any], dict[str, Any]]]


def decoded(run: Run) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of a run's message; see codec.decode()."""
    message, task = run.attempt.message, run.task
    types = message.extra.types if message.extra else None
    return decode(task.func, task.takes_context, message.args, message.kwargs, types)


async def arguments_on_loop(
    run: Run, arguments_of: ArgumentsOf
) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of a run; make queries in the thread for queries."""
    if has_references(run.task.func, run.task.takes_context):
        return await sync_to_async(arguments_of)(run)
    return arguments_of(run)
