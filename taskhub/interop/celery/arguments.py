"""
Arguments that Celery's JSON carries beyond plain JSON, in Celery's own encoding.

A UUID becomes {"__type__": "uuid", "__value__": {"hex": "…"}}, and so on for datetime,
date, time, Decimal and bytes, as `kombu.utils.json` of Kombu 5.7 writes them. The task
receives the value. Lazy translations become text.
"""

import base64
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils.functional import Promise

_TYPE, _VALUE = "__type__", "__value__"

#: By type, subclasses first: its name and its encoder.
_ENCODERS: dict[type, tuple[str, Callable[[Any], Any]]] = {
    datetime: ("datetime", datetime.isoformat),
    date: ("date", date.isoformat),
    time: ("time", time.isoformat),
    Decimal: ("decimal", str),
    UUID: ("uuid", lambda value: {"hex": value.hex}),
    bytes: ("base64", lambda value: base64.b64encode(value).decode()),
}
_DECODERS: dict[str, Callable[[Any], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": lambda text: datetime.fromisoformat(text).date(),
    "time": time.fromisoformat,
    "decimal": Decimal,
    "uuid": lambda parts: UUID(**parts),
    "base64": base64.b64decode,
    "bytes": str.encode,
}


def encode(value: Any) -> Any:
    """Return a value with Celery's types encoded; leave others to taskhub's checks."""
    if isinstance(value, Mapping):
        return {name: encode(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [encode(each) for each in value]
    if isinstance(value, Promise):
        return str(value)
    for kind, (name, encoder) in _ENCODERS.items():
        if isinstance(value, kind):
            return {_TYPE: name, _VALUE: encoder(value)}
    return value


def decode(value: Any) -> Any:
    """Return a value as the task receives it. Raise ValueError for an unknown type."""
    if isinstance(value, list):
        return [decode(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() != {_TYPE, _VALUE}:
        return {name: decode(each) for name, each in value.items()}
    if value[_TYPE] not in _DECODERS:
        raise ValueError(f"Celery has no type {value[_TYPE]!r} for arguments.")
    return _DECODERS[value[_TYPE]](value[_VALUE])
