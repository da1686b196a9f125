"""Results of a night with the payment provider down, for pictures of the admin."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from taskhub import operations
from taskhub.models import BulkAction, Status, TaskLog, TaskResult
from taskhub.models.ids import first_id_at
from taskhub.operations.results import Selection
from taskhub.writer.errors import cause_of
from tests.browser.shop import of_shop, send_invoices, sync_stock

_MIB = {"charge": 96, "render": 310}


@of_shop(masked=["card"])
def charge(
    order: int, card: str, *, currency: Literal["EUR", "GBP", "USD"] = "EUR"
) -> str:
    """
    Charge an order to the customer's card.

    Args:
        order: The number of the order.
        card: What the provider knows the card by.
        currency: What the customer pays in.
    """


@of_shop()
def render_catalogue(language: str = "all", *, pages: int = 480) -> str:
    """Make the printed catalogue anew."""


_FRAME = '  File "{path}", line {line}, in {name}\n    {code}\n'
_LIBRARY = "/srv/venv/lib/python3.13/site-packages/requests"


def fill() -> dict[str, str]:
    """Create the results of that night; return ids for the addresses, by name."""
    # A fixed seed makes the same pictures each time.
    dice = random.Random(11)  # noqa: S311
    now = datetime.now(UTC)
    rows = [_successful_charge(dice, now, number) for number in range(260)]
    rows += [_failed_charge(dice, now, number) for number in range(183)]
    rows += [_other_failure(dice, now, number) for number in range(9)]
    TaskResult.objects.bulk_create(rows)
    failed = rows[260 + 182]
    running = _running(dice, now)
    for row in (failed, running):
        _log(row)
    child = _row(dice, now - timedelta(minutes=2), send_invoices, parent_id=failed.pk)
    child.save(force_insert=True)
    action = _half_done_bulk_action(failed.cause)
    return {
        "failed": str(failed.pk),
        "running": str(running.pk),
        "bulk": str(action.pk),
        "cause": failed.cause,
    }


def _row(
    dice: random.Random, at: datetime, task: Any, *args: Any, **fields: Any
) -> TaskResult:
    return TaskResult(
        id=type(first_id_at(at))(int=first_id_at(at).int | dice.getrandbits(60)),
        task_path=task.module_path,
        queue_name=fields.pop("queue_name", task.queue_name),
        backend="default",
        args=list(args),
        enqueued_at=at,
        **fields,
    )


def _finished(at: datetime, seconds: float) -> dict[str, Any]:
    started = at + timedelta(milliseconds=30)
    return {
        "attempts": 1,
        "worker_ids": ["web-1:4711"],
        "started_at": started,
        "last_attempted_at": started,
        "finished_at": started + timedelta(seconds=seconds),
        "memory_mib": _MIB["charge"],
    }


def _successful_charge(dice: random.Random, now: datetime, number: int) -> TaskResult:
    at = now - timedelta(hours=5, seconds=-20 * number)
    return _row(
        dice,
        at,
        charge,
        18_000 + number,
        "tok_ok",
        status=Status.SUCCESSFUL,
        return_value="paid",
        **_finished(at, dice.uniform(0.2, 1.5)),
    )


def _failed_charge(dice: random.Random, now: datetime, number: int) -> TaskResult:
    """Return a result whose three attempts failed while the provider was down."""
    at = now - timedelta(hours=3) + timedelta(seconds=40 * number)
    starts = [at + timedelta(seconds=second) for second in (0.4, 33, 98)]
    ends = [start + timedelta(seconds=dice.uniform(9, 11)) for start in starts]
    errors = [
        _error(attempt, start, end, *_TIMEOUT)
        for attempt, (start, end) in enumerate(zip(starts, ends, strict=True), 1)
    ]
    return _row(
        dice,
        at,
        charge,
        18_500 + number,
        "tok_4711",
        status=Status.FAILED,
        errors=errors,
        cause=cause_of(errors[-1]),
        **_finished(at, 1)
        | {
            "attempts": 3,
            "worker_ids": ["web-1:4711", "web-2:815", "web-1:4711"],
            "started_at": starts[0],
            "last_attempted_at": starts[-1],
            "finished_at": ends[-1],
        },
    )


def _other_failure(dice: random.Random, now: datetime, number: int) -> TaskResult:
    at = now - timedelta(minutes=100 - 9 * number)
    kind = _MISSING if number % 3 else _REFUSED
    error = _error(1, at, at + timedelta(seconds=1), *kind)
    task = sync_stock if number % 3 else send_invoices
    return _row(
        dice,
        at,
        task,
        "leipzig",
        status=Status.FAILED,
        errors=[error],
        cause=cause_of(error),
        **_finished(at, 1),
    )


def _traceback(error: str, own: tuple[str, int, str, str]) -> str:
    path, line, name, code = own
    return "".join(
        [
            "Traceback (most recent call last):\n",
            _FRAME.format(path=path, line=line, name=name, code=code),
            _FRAME.format(
                path=f"{_LIBRARY}/sessions.py",
                line=713,
                name="send",
                code="r = adapter.send(request, **kwargs)",
            ),
            f"{error}\n",
        ]
    )


_TIMEOUT = (
    "requests.exceptions.ReadTimeout",
    "pay.example.com: read timed out after 10 s",
    ("/srv/shop/payments.py", 84, "charge", "answer = provider.charge(order, card)"),
)
_MISSING = (
    "shop.models.Warehouse.DoesNotExist",
    "Warehouse matching query does not exist.",
    ("/srv/shop/stock.py", 31, "sync", "warehouse = Warehouse.objects.get(name=name)"),
)
_REFUSED = (
    "smtplib.SMTPRecipientsRefused",
    "{'info@example': (550, b'no such user here')}",
    ("/srv/shop/mail.py", 19, "send", "server.sendmail(sender, [address], text)"),
)


def _error(
    attempt: int,
    started: datetime,
    ended: datetime,
    kind: str,
    message: str,
    own: tuple[str, int, str, str],
) -> dict[str, Any]:
    path, line, name, _code = own
    return {
        "attempt": attempt,
        "started_at": started.isoformat(),
        "failed_at": ended.isoformat(),
        "exception_class_path": kind,
        "message": message,
        "traceback": _traceback(f"{kind}: {message}", own),
        "place": f"{path}:{line} in {name}",
    }


def _running(dice: random.Random, now: datetime) -> TaskResult:
    at = now - timedelta(seconds=75)
    row = _row(
        dice,
        at,
        render_catalogue,
        "de",
        status=Status.RUNNING,
        attempts=1,
        worker_ids=["web-2:815"],
        started_at=at + timedelta(seconds=2),
        last_attempted_at=at + timedelta(seconds=2),
        progress={"done": 312, "total": 480, "message": "pages"},
    )
    row.save(force_insert=True)
    return row


def _log(row: TaskResult) -> None:
    said = {
        Status.RUNNING: [
            "INFO Layout of 480 pages",
            "WARNING No picture for item 1188",
        ],
        Status.FAILED: [
            "INFO Charging order 18682",
            "WARNING The provider has not answered for 5 s",
            "ERROR Gave up waiting for the provider",
        ],
    }[Status(row.status)]
    for attempt in range(1, row.attempts + 1):
        start = row.started_at + timedelta(seconds=33 * (attempt - 1))
        lines = [
            [
                (start + timedelta(seconds=4 * index)).isoformat(),
                line.partition(" ")[0],
                "shop.payments" if row.status == Status.FAILED else "shop.catalogue",
                line.partition(" ")[2],
            ]
            for index, line in enumerate(said)
        ]
        TaskLog.objects.create(result_id=row.pk, attempt=attempt, lines=lines)


def _half_done_bulk_action(cause: str) -> BulkAction:
    selection = Selection(status="FAILED", cause=cause)
    action = operations.results.start_bulk(
        "retry", selection, by="ada", per_second=10, expected=183
    )
    BulkAction.objects.filter(pk=action.pk).update(done=120)
    return action
