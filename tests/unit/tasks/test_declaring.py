"""Declaring tasks: one function for each path, and no generators."""

import importlib
import sys
from functools import partial, wraps

import pytest

from taskhub import task
from taskhub.compat import django_tasks as compat
from taskhub.tasks import find_task

FACTORY = """
from functools import wraps
from taskhub import task

def multiply(factor):
    @wraps(_multiply)
    def multiply_by(n):
        return n * factor
    return task(multiply_by)

def _multiply(n): ...

double = multiply(2)
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Return a function that writes a module of tasks and imports or reloads it."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def module(text):
        (tmp_path / "declared_here.py").write_text(text)
        importlib.invalidate_caches()
        if "declared_here" in sys.modules:
            return importlib.reload(sys.modules["declared_here"])
        return importlib.import_module("declared_here")

    yield module
    sys.modules.pop("declared_here", None)


def test_two_functions_with_the_same_path_are_refused(module):
    with pytest.raises(compat.InvalidTask) as caught:
        module(f"{FACTORY}\ntriple = multiply(3)\n")

    text = str(caught.value)
    assert text.startswith("Two functions have the path 'declared_here._multiply': ")
    assert text.count("declared_here.py:6") == 2
    assert "\n" not in text
    assert find_task("declared_here._multiply").func(10) == 20


def test_a_name_that_is_used_twice_in_a_module_is_refused(module):
    twice = "from taskhub import task\n@task\ndef a(): ...\n@task\ndef a(b): ...\n"

    with pytest.raises(compat.InvalidTask, match=r"py:2, .*py:4;"):
        module(twice)


def test_reloading_a_module_registers_its_new_functions(module):
    first = module(FACTORY)
    again = module(FACTORY)
    assert again.double is not None
    assert find_task("declared_here._multiply").func is again.double.func

    edited = module(FACTORY.replace("multiply(2)", "multiply(5)"))
    assert find_task("declared_here._multiply").func(10) == 50
    assert edited is first

    del sys.modules["declared_here"]
    imported = module("\n\n" + FACTORY)
    assert find_task("declared_here._multiply").func is imported.double.func


def test_the_same_function_may_be_declared_again(module):
    both = module(f"{FACTORY}\nagain = multiply(2)\nvariant = double.using(priority=3)")

    assert find_task("declared_here._multiply").func(10) == 20
    assert both.again.func(10) == both.variant.func(10) == 20


def generate():
    yield 1


async def generate_async():
    yield 1


def collect():
    return list(generate())


@pytest.mark.parametrize("function", [generate, generate_async, partial(generate)])
def test_generators_are_refused(function):
    if isinstance(function, partial):
        function.__module__, function.__qualname__ = __name__, "generate"
        function.__name__ = "generate"

    with pytest.raises(compat.InvalidTask, match=r"is a generator.*return a list"):
        task(function)


def test_a_decorated_generator_that_returns_a_list_is_allowed():
    listed = wraps(generate)(lambda: list(generate()))
    listed.__qualname__ = "listed_in_declaring"

    assert task(listed).call() == [1]
