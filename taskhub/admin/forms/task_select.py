"""A select of registered tasks, grouped by module, with their signatures."""

import inspect
from typing import Any

from django import forms
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from taskhub.tasks import Task, registered_tasks
from taskhub.tasks.arguments import signature_of


class TaskSelect(forms.Select):
    """A select of the registered tasks, and of the chosen task if it is not one."""

    def optgroups(
        self, name: str, value: list[Any], attrs: dict[str, Any] | None = None
    ) -> list[Any]:
        """Return the options by module, with the tasks that are registered now."""
        self.choices = _by_module(str(value[0]) if value else "")
        return super().optgroups(name, value, attrs)

    def create_option(self, *args: Any, **options: Any) -> dict[str, Any]:
        """Return an option with the task's signature, for periodic.js."""
        option: dict[str, Any] = super().create_option(*args, **options)
        if task := registered_tasks().get(str(option["value"])):
            option["attrs"] |= {
                "data-signature": signature(task),
                "data-summary": summary(task),
            }
        return option


def _by_module(chosen: str) -> list[Any]:
    modules: dict[str, list[tuple[str, str]]] = {}
    for path in registered_tasks():
        module, _dot, name = path.rpartition(".")
        modules.setdefault(module, []).append((path, name))
    choices: list[Any] = [("", "---------"), *modules.items()]
    if chosen and chosen not in registered_tasks():
        choices.append((_("Not registered here"), [(chosen, chosen)]))
    return choices


def signature(task: Task[..., Any, Any]) -> str:
    """Return a signature: send_greeting(address: str, *, name: str)."""
    parameters = signature_of(task.func, task.takes_context)
    return f"{task.func.__name__}{parameters}"


def summary(task: Task[..., Any, Any]) -> str:
    """Return the first line of a task's docstring."""
    return (inspect.getdoc(task.func) or "").partition("\n")[0]


def hint(path: str) -> SafeString:
    """Return the signature and summary of a task, which periodic.js updates."""
    task = registered_tasks().get(path)
    return format_html(
        '<code class="taskhub-signature">{}</code> '
        '<span class="taskhub-summary">{}</span>',
        signature(task) if task else "",
        summary(task) if task else "",
    )
