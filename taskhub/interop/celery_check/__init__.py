"""
Reading a project that uses Celery: what moves by its import lines, and what does not.

`python_files.py` reads the syntax trees of modules, and `command_lines.py` the lines of
other files that call the `celery` command. Nothing is imported or executed. `words.py`
says what becomes of each word of Celery; the words that `taskhub.interop.celery` has
are read from there.
"""

from taskhub.interop.celery_check.findings import Finding, Report, Verdict
from taskhub.interop.celery_check.project import read_project

__all__ = ["Finding", "Report", "Verdict", "read_project"]
