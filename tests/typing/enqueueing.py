"""Code of sites that declares and enqueues tasks, and reads their results."""

from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, assert_type
from uuid import UUID, uuid4

from django.contrib.auth.models import User

from taskhub import Call, Context, Result, Task, periodic, task
from taskhub.models import Node, PeriodicTask, TaskResult, TaskResultQuerySet
from taskhub.retries import fixed
from taskhub.schedules import cron

# The forms of the decorator.


@task
def add(a: int, b: int = 0) -> int:
    return a + b


@task()
def shout(text: str, *, times: int = 1) -> str:
    return text.upper() * times


@task(queue_name="mail", max_attempts=3, backoff=fixed(minutes=1), retry_on=OSError)
def send(address: str, *, subject: str = "") -> None: ...


@task
async def fetch(url: str, timeout: float = 1.0) -> bytes:
    return url.encode()


@task(timeout=30, give_up_on=(OSError, ValueError))
async def fetch_with_options(url: str) -> bytes:
    return url.encode()


@task(takes_context=True)
def charge(context: Context, order: int, *, loud: bool = False) -> list[str]:
    context.progress(1, 2, "half")
    assert_type(context.attempt, int)
    assert_type(context.task_result.row, TaskResult)
    assert_type(context.cancelled, bool)
    assert_type(context.tick_at, datetime | None)
    return []


@task(takes_context=True, priority=3)
async def charge_async(context: Context, order: int) -> dict[str, int]:
    return {}


@task(takes_context=False, atomic=True)
def tidy_up() -> int:
    return 0


@periodic(cron("0 3 * * *", tz="Europe/Berlin"), overlap="skip")
@task
def nightly(days: int = 7) -> int:
    return days


@periodic(cron("0 4 * * *"), args=[1], missed_runs="latest")
@task(takes_context=True)
def nightly_with_context(context: Context, days: int) -> int:
    return days


@dataclass
class Line:
    product: UUID
    price: Decimal


@task
def bill(user: User, due: date, lines: list[Line]) -> UUID:
    return lines[0].product


# Results.

assert_type(add.enqueue(1).get(), int)
assert_type(add.enqueue(1, b=2), Result[int])
assert_type(add.delay(1, 2).get(timeout=3), int)
assert_type(shout.enqueue("a", times=2).get(), str)
assert_type(fetch.enqueue("a").get(), bytes)
assert_type(fetch_with_options.enqueue("a").get(), bytes)
assert_type(charge.enqueue(1, loud=True).get(), list[str])
assert_type(charge_async.enqueue(1).get(), dict[str, int])
assert_type(nightly.enqueue().get(), int)
assert_type(nightly_with_context.enqueue(1).get(), int)
assert_type(tidy_up.enqueue().get(), int)
assert_type(
    bill.enqueue(User(), datetime.now(UTC).date(), [Line(uuid4(), Decimal(1))]).get(),
    UUID,
)
assert_type(add.enqueue(1).return_value, int)
assert_type(add.enqueue(1).id, str)
assert_type(add.enqueue(1).row, TaskResult)
assert_type(add.get_result("1").get(), int)
assert_type(fetch.get_result("1").get(), bytes)


async def in_async_code() -> None:
    assert_type(await (await add.aenqueue(1)).aget(), int)
    assert_type(await (await fetch.aenqueue("a")).aget(timeout=1), bytes)
    assert_type(await (await fetch.aget_result("1")).aget(), bytes)
    assert_type(await fetch("a"), bytes)
    assert_type(await fetch.acall("a"), bytes)
    assert_type(await add.acall(1), int)
    assert_type(await charge_async(context, 1), dict[str, int])
    assert_type(await add.aenqueue_many([(1,)]), list[Result[int]])


# Direct calls, also through Django's `call()`.

context = Context(task_result=add.enqueue(1))
assert_type(add(1), int)
assert_type(add.call(1), int)
later: Coroutine[Any, Any, bytes] = fetch("a")
assert_type(fetch.call("a"), bytes)
assert_type(charge(context, 1, loud=True), list[str])
assert_type(charge.call(context, 1), list[str])
assert_type(nightly_with_context(context, 1), int)

# Options of `using()`.

in_an_hour = add.using(run_after=timedelta(hours=1), priority=50, meta={"a": 1})
assert_type(in_an_hour.enqueue(1).get(), int)
assert_type(add.using(run_after=datetime.now(UTC), expires_after=None)(1), int)
assert_type(charge.using(durable=False, queue_name="mail").enqueue(1).get(), list[str])
assert_type(fetch.using(backend="other").enqueue("a").get(), bytes)

# Names from Celery.

assert_type(add.apply_async([1], {"b": 2}, countdown=3, queue="mail"), Result[int])
assert_type(add.apply_async(args=(1,), eta=datetime.now(UTC)).get(), int)
assert_type(add.apply_async(None, {"a": 1}, expires=60, priority=9).get(), int)
assert_type(fetch.apply_async(["a"]).get(), bytes)

# Enqueueing many.

assert_type(add.enqueue_many([(1,), [2], {"a": 3}]), list[Result[int]])
assert_type(add.enqueue_many((n,) for n in range(3)), list[Result[int]])
assert_type(add.enqueue_many({"a": n} for n in range(3))[0].get(), int)
assert_type(fetch.enqueue_many([("a",)])[0].get(), bytes)
bound: Call[...] = shout.bind("a", times=2)
shout.enqueue_many(shout.bind(text, times=2) for text in "abc")
charge.enqueue_many([charge.bind(1, loud=True)])

# Tasks as arguments.


def takes_an_int(given: Task[[int], object, object]) -> None: ...


def enqueue_any(given: Task[..., Any, Any]) -> Result[Any]:
    return given.enqueue()


@task
def count(a: int) -> str:
    return str(a)


@task
async def count_async(a: int) -> str:
    return str(a)


takes_an_int(count)
takes_an_int(count_async)
enqueue_any(add)
enqueue_any(charge)

# Rows.

results = TaskResult.objects
failed: TaskResultQuerySet = results.for_task(add).failed().since(hours=1)
assert_type(results.for_task("shop.tasks.add").first(), TaskResult | None)
assert_type(results.filter(meta__a=1).unfinished().ids(), list[UUID])
assert_type(results.get(pk="1").get(timeout=1), Any)
assert_type(results.exclude(queue_name="mail").stats().failed, int)
assert_type(results.in_queue("mail").count(), int)
assert_type(results.using("other").ready().order_by("id").finished().exists(), bool)
assert_type(Node.objects.present().first(), Node | None)
assert_type(PeriodicTask.objects.in_order().first(), PeriodicTask | None)

# Errors that type checkers must report.

add.enqueue("wrong")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
add.enqueue()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
add.enqueue(1, c=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
bill.enqueue(1, datetime.now(UTC).date(), [])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
add.delay([])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
shout.enqueue("a", times="b")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
fetch.enqueue(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
charge.enqueue(context, 1)  # type: ignore[arg-type, call-arg]  # pyright: ignore[reportCallIssue]
charge.enqueue("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
add("wrong")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
charge(1)  # type: ignore[arg-type, call-arg]  # pyright: ignore[reportCallIssue]
charge("context", 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
charge(context, "wrong")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
add.using(prioritiy=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
add.using(priority="high")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
add.apply_async([1], count_down=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
add.apply_async([1], countdown="soon")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
add.apply_async("wrong", "too")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
add.apply_async("ab")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
add.enqueue_many(["ab"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
add.enqueue_many([1, 2])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
add.enqueue_many([shout.bind("a")])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
shout.bind("a", language="de")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
takes_an_int(shout)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
results.for_taks(add)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
results.filter(meta__a=1).fialed()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]


@task(queue="mail")  # type: ignore[call-overload, untyped-decorator]  # pyright: ignore[reportCallIssue, reportUntypedFunctionDecorator]
def wrong_option() -> None: ...


@task(timeout="long")  # type: ignore[call-overload, untyped-decorator]  # pyright: ignore[reportArgumentType]
def wrong_value() -> None: ...


@task(takes_context=True)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportCallIssue, reportUntypedFunctionDecorator]
def without_context(order: int) -> None: ...


@periodic(cron("0 3 * * *"), overlap="never")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
@task
def wrong_policy() -> None: ...
