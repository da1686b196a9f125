"""Waiting for coroutines in sync code."""

from collections.abc import Coroutine
from inspect import iscoroutine
from typing import Any

from asgiref.sync import async_to_sync


def awaited(value: Any) -> Any:
    """
    Return what a sync task's function has returned; wait for it if it is a coroutine.

    A decorator may call an async function without awaiting it.
    """
    return async_to_sync(_wait_for)(value) if iscoroutine(value) else value


async def _wait_for(value: Coroutine[Any, Any, Any]) -> Any:
    return await value
