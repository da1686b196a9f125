"""Interrupts reach what they are meant for, and nothing after it."""

import asyncio
from threading import Thread

import pytest

from taskhub.execution.interrupts import Interrupt


def interrupt_from_outside(interrupt):
    thread = Thread(target=interrupt.cancel)
    thread.start()
    thread.join()


def test_a_task_that_waits_is_interrupted():
    async def run():
        interrupt = Interrupt()
        with interrupt.around_async():
            interrupt_from_outside(interrupt)
            await asyncio.sleep(60)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(run())


def test_what_follows_a_task_is_not_interrupted():
    """The task ends in the same step of the loop, without waiting for anything."""

    async def run():
        interrupt = Interrupt()
        with interrupt.around_async():
            interrupt_from_outside(interrupt)
        await asyncio.sleep(0.01)
        return "went on"

    assert asyncio.run(run()) == "went on"
