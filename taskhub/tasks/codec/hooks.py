"""
Hooks of msgspec: how values that it does not know become JSON, and how they come back.

Instances of Django's models travel as their primary keys, and arrive as they are in the
database then. Models of pydantic convert themselves.
"""

import sys
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec
from django.core.exceptions import ValidationError
from django.db import router
from django.db.models import Model

from taskhub.exceptions import InvalidArguments
from taskhub.tasks.arguments import advise, class_of


def is_pydantic_model(cls: type) -> bool:
    """Whether a class is a model of pydantic, which the site may not have imported."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and issubclass(cls, pydantic.BaseModel)


def encode_object(value: Any) -> Any:
    """
    Return a value for an object that msgspec does not know.

    Raise InvalidArguments, with the end of a sentence, if taskhub does not know it.
    """
    if isinstance(value, Enum):
        # Older versions of msgspec do not know the choices of Django.
        return value.value
    if isinstance(value, str):
        # A subclass, such as SafeString.
        return str.__str__(value)
    if (exact := as_exact(value)) is not None:
        return exact
    if isinstance(value, Model):
        return _key_of(value)
    if is_pydantic_model(type(value)):
        return value.model_dump(mode="json", by_alias=True, round_trip=True)
    name = class_of(value).__qualname__
    raise InvalidArguments(
        f"has a value of type {name}, which JSON cannot carry; {advise(value)}"
    )


def as_exact(value: object) -> Any:
    """Return an instance of a subclass of datetime and others as the class itself."""
    match value:
        case datetime():
            parts = datetime.combine(value.date(), value.timetz())
            return parts.replace(fold=value.fold)
        case date():
            return date(value.year, value.month, value.day)
        case time():
            return time.fromisoformat(value.isoformat())
        case timedelta():
            return timedelta(value.days, value.seconds, value.microseconds)
        case Decimal():
            return Decimal(value)
        case UUID():
            return UUID(int=value.int)
    return None


def _key_of(instance: Model) -> Any:
    if instance.pk is None or instance._state.adding:
        name = class_of(instance).__qualname__
        raise InvalidArguments(f"has a {name} that is not saved; save it first")
    return instance.pk


def read_without_query(cls: type, value: Any) -> Any:
    """
    Return an object for a value. Raise ValueError if it does not fit.

    Of an instance of a model, only the key is known.
    """
    if issubclass(cls, Model):
        return _unread(cls, read_key(cls, value))
    return read_object(cls, value)


class LoadHook:
    """
    Reads values in a worker, and instances from the database for writing.

    `gone` has the name and key of each instance that is not there any more.
    """

    def __init__(self) -> None:
        self.gone: list[str] = []

    def decode(self, cls: type, value: Any) -> Any:
        """Return an object for a value. Raise ValueError if it does not fit. Block."""
        if not issubclass(cls, Model):
            return read_object(cls, value)
        key = read_key(cls, value)
        # A replica may not have the row yet.
        rows = cls._base_manager.using(router.db_for_write(cls))
        found = rows.filter(pk=key).first()
        if found is None:
            self.gone.append(f"{cls.__qualname__} {value}")
            return _unread(cls, key)
        return found


def read_key(model: type[Model], value: Any) -> Any:
    """Return a primary key in Python's type. Raise ValueError if it is not one."""
    try:
        key = None if isinstance(value, bool) else model._meta.pk.to_python(value)
    except ValidationError:
        # Its message has the value, which may belong to a masked parameter.
        key = None
    if key is None:
        raise ValueError(f"Expected the primary key of `{model.__qualname__}`")
    # A key of several fields is a list in JSON.
    return tuple(key) if isinstance(key, list) else key


def _unread(model: type[Model], key: Any) -> Model:
    """Return an instance of which only the key is known, without a query."""
    meta: Any = model._meta
    names = [field.attname for field in meta.pk_fields]
    values = key if len(names) > 1 else [key]
    return model.from_db(router.db_for_write(model), names, values)


def read_object(cls: type, value: Any) -> Any:
    """Return an object that is not a model's. Raise ValueError if it does not fit."""
    if is_pydantic_model(cls):
        return _read_pydantic(cls, value)
    if issubclass(cls, Enum):
        if value not in cls._value2member_map_:
            raise ValueError("Invalid enum value")
        return cls(value)
    if issubclass(cls, str | int | float | list | dict) or cls is object:
        return value
    raise ValueError(f"A `{cls.__qualname__}` cannot be made of JSON")


def _read_pydantic(cls: Any, value: Any) -> Any:
    try:
        # As JSON: a strict model takes the text of a date only there.
        return cls.model_validate_json(msgspec.json.encode(value))
    except ValueError as error:
        # Without the values, which may belong to a masked parameter.
        found: Any = error
        faults = [
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}"
            for each in found.errors(include_input=False, include_url=False)
        ]
        raise ValueError("; ".join(faults)) from None
