"""
Execution: from a delivery to an outcome.

`Preparer` opens a message, finds its task and begins an attempt. `Executor` calls the
function, and returns how it ended. They start no thread or process, and use no broker.
"""

from taskhub.execution.executor import Executor
from taskhub.execution.preparer import Preparer
from taskhub.execution.runs import Run

__all__ = ["Executor", "Preparer", "Run"]
