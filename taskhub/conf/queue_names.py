"""The names that queues may have."""

import re


def name_fault(queue_name: object) -> str | None:
    """Return what is wrong with a queue's name, or None."""
    if isinstance(queue_name, str) and re.fullmatch(r"[\w.:-]{1,100}", queue_name):
        return None
    return (
        f"{queue_name!r} is not a valid queue name; expected up to 100 letters, "
        "digits or any of _ - . :"
    )
