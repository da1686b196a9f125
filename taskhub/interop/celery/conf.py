"""
`app.conf`: Celery's settings, from the app or from Django's settings.

Only few of them mean something here: those of `OLD_NAMES`. The others can be set and
read, and have no effect; docs/howto/move-from-celery.md says what replaces each.

Settings are read when they are used, since an app is created while Django's settings
are still loading.
"""

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import Any

from django.conf import settings as django_settings
from django.utils.module_loading import import_string

from taskhub.interop.celery.registry import apps

_NAMESPACE = "CELERY"
_DEFAULTS = {"task_always_eager": False, "task_eager_propagates": False}

#: Settings that mean something, and their names before Celery 4, without a namespace.
OLD_NAMES = {
    "beat_schedule": "CELERYBEAT_SCHEDULE",
    "imports": "CELERY_IMPORTS",
    "include": "CELERY_INCLUDE",
    "task_acks_late": "CELERY_ACKS_LATE",
    "task_always_eager": "CELERY_ALWAYS_EAGER",
    "task_eager_propagates": "CELERY_EAGER_PROPAGATES_EXCEPTIONS",
    "timezone": "CELERY_TIMEZONE",
}
_NEW_NAMES = {old: new for new, old in OLD_NAMES.items()}


class Conf:
    """Settings by their lower-case names, as attributes and as items."""

    def __init__(self, changed: Callable[[], None]) -> None:
        #: Called after each change.
        self.__dict__["_changed"] = changed
        self.__dict__["_own"] = {}
        self.__dict__["_source"] = None
        self.__dict__["_namespace"] = ""
        #: The dict may be changed in place: app.conf.beat_schedule["hourly"] = {…}.
        self.__dict__["_defaults"] = {**_DEFAULTS, "beat_schedule": {}}

    def read_from(self, source: Any, namespace: str | None) -> None:
        """Read further settings from an object or module, or from its dotted path."""
        self.__dict__["_source"] = source
        self.__dict__["_namespace"] = namespace or ""
        self._changed()

    def find(self, name: str) -> Any:
        """Return a setting. Raise KeyError if it is not set."""
        name = _NEW_NAMES.get(name, name)
        if name in self._own:
            return self._own[name]
        source = load(self._source)
        prefix = f"{self._namespace}_" if self._namespace else ""
        names = [f"{prefix}{name}".upper(), f"{prefix}{name}"]
        if not prefix:
            names.append(OLD_NAMES.get(name, name))
        for each in names:
            if isinstance(source, Mapping) and each in source:
                return source[each]
            if hasattr(source, each):
                return getattr(source, each)
        raise KeyError(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return a setting, or the default."""
        try:
            return self.find(name)
        except KeyError:
            return self._defaults.get(_NEW_NAMES.get(name, name), default)

    def update(self, *args: Any, **values: Any) -> None:
        """Set several settings."""
        for name, value in dict(*args, **values).items():
            self._own[_NEW_NAMES.get(name, name)] = value
        self._changed()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.get(name)

    def __setattr__(self, name: str, value: Any) -> None:
        self.update({name: value})

    __getitem__ = find
    __setitem__ = __setattr__

    def __contains__(self, name: object) -> bool:
        try:
            self.find(str(name))
        except KeyError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self._own)


def setting(name: str) -> Any:
    """
    Return a setting of the first app that has it, or CELERY_… in Django's settings.

    Return Celery's default, or None, if nothing sets it.
    """
    for app in apps:
        if name in app.conf:
            return app.conf[name]
    default = _DEFAULTS.get(name)
    return getattr(django_settings, f"{_NAMESPACE}_{name.upper()}", default)


def load(source: Any) -> Any:
    """Return what a path names, a module or a name in one; or what is no path."""
    if not isinstance(source, str):
        return source
    try:
        return import_module(source)
    except ModuleNotFoundError:
        # Celery accepts shop.celery:Config and shop.celery.Config.
        return import_string(source.replace(":", "."))
