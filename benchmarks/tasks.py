"""Tasks that do no work, so that the benchmarks measure taskhub."""

import asyncio
import time

from taskhub import task


@task
def no_op(number: int) -> None:
    """Do nothing."""


@task
def carry(text: str) -> None:
    """Do nothing with an argument of some size."""


@task
async def wait_10_ms(number: int) -> None:
    """Wait, as for an answer from the network."""
    await asyncio.sleep(0.01)


@task
def take_seconds(seconds: float) -> None:
    """Keep a process busy."""
    time.sleep(seconds)
