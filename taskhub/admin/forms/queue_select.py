"""The choices of form fields for a queue."""

from taskhub.compat import django_tasks as compat


def queue_names() -> list[str]:
    """Return the names of all queues in the settings."""
    backends = compat.task_backends.all()
    return sorted({name for backend in backends for name in backend.queues})


def queue_choices(chosen: str) -> list[tuple[str, str]]:
    """Return an empty choice, the queues in the settings, and the chosen queue."""
    names = {*queue_names(), chosen} - {""}
    return [("", "---------"), *((name, name) for name in sorted(names))]
