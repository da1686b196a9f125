"""Interrupts stop the task that they are meant for, and no code after it."""

import asyncio
import signal
from threading import Thread

import pytest

from taskhub.exceptions import TaskTimeout
from taskhub.execution.interrupts import (
    SIGNAL,
    Interrupt,
    hear_interrupts,
    interrupts_held,
)


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


@pytest.fixture
def _hearing():
    former = signal.getsignal(SIGNAL)
    hear_interrupts()
    yield
    signal.signal(SIGNAL, former)


@pytest.mark.usefixtures("_hearing")
def test_an_interrupt_that_is_held_is_raised_at_the_end_of_the_block():
    steps = []
    interrupt = Interrupt()

    def run():
        with interrupt:
            with interrupts_held():
                # Python handles a signal to the same thread before the next line.
                interrupt.send(TaskTimeout("over"))
                steps.append("within the block")
            steps.append("after the block")

    with pytest.raises(TaskTimeout, match="over"):
        run()
    assert steps == ["within the block"]


@pytest.mark.usefixtures("_hearing")
def test_an_interrupt_that_is_held_is_raised_if_the_block_has_raised():
    interrupt = Interrupt()

    def run():
        with interrupt, interrupts_held():
            interrupt.send(TaskTimeout("over"))
            raise OSError("The database is away.")

    with pytest.raises(TaskTimeout, match="over"):
        run()


@pytest.mark.usefixtures("_hearing")
def test_a_run_within_the_block_can_be_interrupted():
    outer, inner = Interrupt(), Interrupt()

    def run():
        with inner:
            inner.send(TaskTimeout("inner"))

    with outer, interrupts_held(), pytest.raises(TaskTimeout, match="inner"):
        run()
