"""Interrupts stop the task that they are meant for, and no code after it."""

import asyncio
from threading import Thread

import pytest

from taskhub.execution.interrupts import Interrupt


def interrupt_from_outside(interrupt):
    thread = Thread(target=interrupt.cancel)
    thread.start()
    thread.join()


def test_a_waiting_task_is_interrupted():
    async def run():
        interrupt = Interrupt()
        with interrupt.around_async():
            interrupt_from_outside(interrupt)
            await asyncio.sleep(60)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())


def test_code_after_a_task_is_not_interrupted():
    """The task ends in the same step of the event loop, without awaiting anything."""

    async def run():
        interrupt = Interrupt()
        with interrupt.around_async():
            interrupt_from_outside(interrupt)
        await asyncio.sleep(0.01)
        return "went on"

    assert asyncio.run(run()) == "went on"
