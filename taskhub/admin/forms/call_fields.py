"""Form fields for the parameters of a task, from their annotations and defaults."""

import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Literal, Union, get_args, get_origin

from django import forms
from django.contrib.admin.widgets import AdminTextInputWidget
from django.utils.translation import gettext as _

from taskhub.admin.forms.json_fields import TypedJSONField
from taskhub.admin.forms.typed_fields import typed_field
from taskhub.exceptions import InvalidArguments
from taskhub.tasks import Task
from taskhub.tasks.arguments import check_value, signature_of
from taskhub.tasks.codec import encode_argument, hints_of

Parameter = inspect.Parameter
_UNIONS = (Union, types.UnionType)


def parameters_of(task: Task[..., Any, Any]) -> list[Parameter]:
    """Return the parameters of a task with evaluated annotations."""
    signature = signature_of(task.func, task.takes_context)
    known, _faults = hints_of(task.func)
    # The form shows defaults as JSON.
    return [
        each.replace(
            annotation=known.get(each.name, each.annotation),
            default=_plain_default(task, each),
        )
        for each in signature.parameters.values()
    ]


def _plain_default(task: Task[..., Any, Any], parameter: Parameter) -> Any:
    if parameter.default is Parameter.empty:
        return parameter.default
    try:
        return encode_argument(task, parameter.name, parameter.default)
    except InvalidArguments:
        return parameter.default


def field_for(parameter: Parameter, *, is_masked: bool = False) -> forms.Field:
    """Return the form field of a parameter."""
    if parameter.kind is Parameter.VAR_POSITIONAL:
        return TypedJSONField(list, required=False)
    if parameter.kind is Parameter.VAR_KEYWORD:
        return TypedJSONField(dict, required=False)
    kind, takes_none = _without_none(parameter.annotation)
    has_default = parameter.default is not Parameter.empty
    options = {
        "required": not (has_default or takes_none),
        "help_text": _describe_annotation(parameter),
        "initial": _shown_default(parameter),
    }
    may_be_empty = takes_none or has_default
    typed = typed_field(kind, may_be_empty, is_masked, options)
    return typed or _field(kind, may_be_empty, takes_none, options)


def _field(
    kind: Any, may_be_empty: bool, takes_none: bool, options: dict[str, Any]
) -> forms.Field:
    if get_origin(kind) is Literal:
        return _choice_field(get_args(kind), may_be_empty, options)
    if kind is bool:
        if takes_none:
            return forms.NullBooleanField(**options)
        return forms.BooleanField(**{**options, "required": False})
    if kind is str:
        empty = None if takes_none else ""
        widget = AdminTextInputWidget
        return forms.CharField(strip=False, empty_value=empty, widget=widget, **options)
    if kind in _NUMBER_FIELDS:
        return _NUMBER_FIELDS[kind](**options)
    return TypedJSONField(_json_kind(kind), **options)


_NUMBER_FIELDS: dict[Any, Callable[..., forms.Field]] = {
    int: forms.IntegerField,
    float: forms.FloatField,
}


def _choice_field(
    values: Sequence[Any], may_be_empty: bool, options: dict[str, Any]
) -> forms.Field:
    by_text = {str(value): value for value in values}
    choices = [(text, text) for text in by_text]
    return forms.TypedChoiceField(
        choices=[("", "---------"), *choices] if may_be_empty else choices,
        coerce=by_text.__getitem__,
        empty_value=None,
        **options,
    )


def _json_kind(kind: Any) -> type | None:
    """Return list or dict for an annotation, or None if any JSON type is accepted."""
    cls = get_origin(kind) or kind
    if not isinstance(cls, type) or cls in (Parameter.empty, str, bytes):
        return None
    if issubclass(cls, Mapping):
        return dict
    return list if issubclass(cls, Sequence | AbstractSet) else None


def _without_none(annotation: Any) -> tuple[Any, bool]:
    """Return an annotation without None, and whether it had None."""
    if get_origin(annotation) not in _UNIONS:
        return annotation, False
    others = [each for each in get_args(annotation) if each is not types.NoneType]
    takes_none = len(others) < len(get_args(annotation))
    return (others[0] if len(others) == 1 else Any), takes_none


def _shown_default(parameter: Parameter) -> Any:
    """Return the initial value of the field: the default, if it is serialisable."""
    if parameter.default is Parameter.empty:
        return None
    try:
        return check_value(parameter.default, parameter.name)
    except InvalidArguments:
        return None


def _describe_annotation(parameter: Parameter) -> str:
    """Return the annotation as text."""
    if parameter.annotation is Parameter.empty:
        return _("JSON")
    return inspect.formatannotation(parameter.annotation)
