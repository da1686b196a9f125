"""The Python examples of docs/howto/hooks.md, executed as one module."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "howto" / "hooks.md"
#: The settings are not Python.
_SETTINGS = '"OPTIONS"'

for _block in re.findall(r"(?s)```python\n(.*?)```", PAGE.read_text()):
    if not _block.startswith(_SETTINGS):
        # Django 5.2 has these signals in the backport.
        exec(  # noqa: S102
            _block.replace(
                "from django.tasks.signals", "from taskhub.compat.django_tasks"
            )
        )
