"""
The exceptions that belong to one exception: members of a group, causes, contexts.

`asyncio.TaskGroup` and `except*` wrap exceptions in an ExceptionGroup, so `isinstance`
alone does not find them.
"""

from collections.abc import Iterator


def members(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and, if it is a group, its members at every depth."""
    pending = [error]
    while pending:
        found = pending.pop()
        yield found
        if isinstance(found, BaseExceptionGroup):
            pending.extend(reversed(found.exceptions))


def related(error: BaseException) -> Iterator[BaseException]:
    """Yield members(), and their causes and contexts."""
    pending: list[BaseException | None] = [error]
    seen: set[int] = set()
    while pending:
        found = pending.pop()
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        pending += (found.__context__, found.__cause__)
        if isinstance(found, BaseExceptionGroup):
            pending.extend(reversed(found.exceptions))
