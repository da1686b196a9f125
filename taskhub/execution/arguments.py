"""The arguments of a run, as its function takes them."""

from collections.abc import Callable
from typing import Any

import msgspec
from asgiref.sync import sync_to_async

from taskhub.exceptions import ReferenceGone
from taskhub.execution.runs import Run
from taskhub.messages import Message
from taskhub.tasks.codec import decode, has_references


class RunArguments(msgspec.Struct, frozen=True):
    """Positional and keyword arguments. Error trackers show the repr() of locals."""

    args: list[Any]
    kwargs: dict[str, Any]

    def __repr__(self) -> str:
        return f"<{len(self.args)} + {len(self.kwargs)} arguments>"


#: Returns the arguments of a run, with its context.
ArgumentsOf = Callable[[Run], RunArguments]


def decoded(run: Run) -> RunArguments:
    """
    Return the arguments of a run's message; see codec.decode().

    Keep a ReferenceGone as `run.gone`, too, and raise it.
    """
    message, task = run.attempt.message, run.task
    types = message.extra.types if message.extra else None
    try:
        found = decode(task.func, task.takes_context, *_copied(message), types)
    except Exception as error:
        if isinstance(error, ReferenceGone):
            run.gone = error
            if task.masked:
                # The message has the key, which may belong to a masked parameter.
                error.args = ("An instance that an argument refers to is gone.",)
        # The frames of the codec have values in their locals.
        raise error.with_traceback(None) from error.__cause__
    return RunArguments(*found)


def _copied(message: Message) -> tuple[list[Any], dict[str, Any]]:
    """Return arguments that the task may change: a row may be made of the message."""
    copied: tuple[list[Any], dict[str, Any]]
    copied = msgspec.to_builtins((message.args, message.kwargs))
    return copied


async def arguments_on_loop(run: Run, arguments_of: ArgumentsOf) -> RunArguments:
    """Return the arguments of a run; make queries in the thread for queries."""
    if has_references(run.task.func, run.task.takes_context):
        return await sync_to_async(arguments_of)(run)
    return arguments_of(run)
