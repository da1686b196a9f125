"""
Execution: one delivery becomes one outcome.

`Executor` is a straight pipeline: open the message, find its task, begin an attempt,
call the function, tell how it ended. It knows no threads, processes or brokers.
"""

from taskhub.execution.executor import Executor
from taskhub.execution.runs import Ended, Run

__all__ = ["Ended", "Executor", "Run"]
