"""
Warnings about words of Celery that have no effect here.

Python shows a warning once for each line of code, on standard error. `-W` and
PYTHONWARNINGS change this.
"""

import sys
import warnings
from pathlib import Path

from taskhub.interop.celery.exceptions import TaskHubCeleryWarning

_PACKAGE = str(Path(__file__).parent)


def warn(message: str) -> None:
    """Issue a TaskHubCeleryWarning at the line of the site's code that led here."""
    level, frame = 1, sys._getframe(0)
    while frame.f_back and frame.f_code.co_filename.startswith(_PACKAGE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, TaskHubCeleryWarning, stacklevel=level)
