"""
The oldest versions of other packages with which taskhub works.

Installers check them when they install taskhub. Another package may bring an older
version later, and the error that follows would not name the reason.
"""

import re
from importlib.metadata import PackageNotFoundError, version

from django.core.exceptions import ImproperlyConfigured

#: The same as in pyproject.toml. django_tasks.py checks the backport of django.tasks.
OLDEST_VERSIONS = {
    "cron-descriptor": "2.0.6",
    "cronsim": "2.7",
    "django": "5.2",
    "msgspec": "0.19",
    "redis": "5.0",
    "uuid-utils": "0.12",
}


def check_versions() -> None:
    """Raise ImproperlyConfigured if an installed package is too old."""
    for name, oldest in OLDEST_VERSIONS.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            # Packages in an archive may have no metadata.
            continue
        if _numbers(found) < _numbers(oldest):
            raise ImproperlyConfigured(
                f"taskhub needs {name} {oldest} or later; {name} {found} is installed. "
                f"Run: pip install '{name}>={oldest}'"
            )


def _numbers(text: str) -> tuple[int, ...]:
    """Return the first three numbers of a version, without zeros at the end."""
    numbers = [int(each) for each in re.findall(r"\d+", text)[:3]]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
