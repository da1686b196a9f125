"""A form for the arguments of a task, made from its signature."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminTextareaWidget
from django.utils.translation import gettext as _

from taskhub.admin.forms.call_fields import Parameter, field_for, parameters_of
from taskhub.admin.forms.date_time import MomentField
from taskhub.admin.forms.typed_fields import as_moment
from taskhub.exceptions import InvalidArguments
from taskhub.tasks import Task
from taskhub.tasks.arguments import signature_of
from taskhub.tasks.codec import encode, encode_argument, restored

#: The prefix of parameters' fields: a parameter may have the name of another input.
_PREFIX = "arg_"
_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_NOT_GIVEN = object()


class CallForm(forms.Form):
    """
    The arguments of a task, with a field for each parameter.

    `old` has the positional and keyword arguments of an earlier run, which are the
    initial values, and `types` the noted types of their values. Masked arguments are
    not shown; an empty field keeps their value.
    `fits` is whether the old arguments fit the signature.
    """

    def __init__(
        self,
        task: Task[..., Any, Any],
        data: Any = None,
        *,
        old: tuple[Sequence[Any], Mapping[str, Any]] | None = None,
        types: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(data)
        self.task = task
        self.parameters = parameters_of(task)
        self.old, self.fits = _bind(task, old) if old is not None else ({}, True)
        self.kept = _bind(task, restored(*old, types))[0] if old and types else self.old
        for parameter in self.parameters:
            is_masked = parameter.name in task.masked
            field = field_for(parameter, is_masked=is_masked)
            field.label = parameter.name
            self._fill(parameter.name, field)
            self.fields[_PREFIX + parameter.name] = field

    def _fill(self, name: str, field: forms.Field) -> None:
        """Set the initial value of a field, or hide the value if it is masked."""
        is_known = name in self.old
        if name in self.task.masked:
            field.initial = None
            self._hide(field, is_known)
        elif is_known:
            field.initial = self.old[name]
            if isinstance(field, MomentField):
                field.initial = as_moment(self.old[name])
            if isinstance(field, forms.CharField) and "\n" in str(field.initial):
                field.widget = AdminTextareaWidget()

    @staticmethod
    def _hide(field: forms.Field, is_known: bool) -> None:
        if is_known:
            field.required = False
            field.help_text = _("Hidden. Leave it empty to keep the value.")
        if isinstance(field, forms.BooleanField):
            # A checkbox cannot be left empty.
            field.widget = forms.NullBooleanSelect()
        elif not isinstance(field, forms.TypedChoiceField):
            field.widget = forms.PasswordInput(attrs={"autocomplete": "off"})
        elif is_known:
            choices: Any = field.choices
            field.choices = [("", "---------"), *choices]

    def clean(self) -> dict[str, Any]:
        """Check that arguments are serialisable and fit the task's signature."""
        for parameter in self.parameters:
            key = _PREFIX + parameter.name
            try:
                self._encode(parameter, key)
            except InvalidArguments as error:
                self.add_error(key, str(error))
            if parameter.kind is Parameter.VAR_KEYWORD:
                self._refuse_duplicates(key)
        if not self.errors:
            try:
                encode(self.task.func, self.task.takes_context, *self.call())
            except InvalidArguments as error:
                self.add_error(None, str(error))
        return self.cleaned_data

    def _encode(self, parameter: Parameter, key: str) -> None:
        """Replace a value by its JSON. Raise InvalidArguments if it does not fit."""
        value = self.cleaned_data.get(key)
        if value is None:
            return
        name = parameter.name
        if parameter.kind is Parameter.VAR_POSITIONAL:
            found: Any = [encode_argument(self.task, name, each) for each in value]
        elif parameter.kind is Parameter.VAR_KEYWORD:
            found = {
                key: encode_argument(self.task, name, each)
                for key, each in value.items()
            }
        else:
            found = encode_argument(self.task, name, value)
        self.cleaned_data[key] = found

    def _refuse_duplicates(self, key: str) -> None:
        """Refuse names in the field of **kwargs that have a field of their own."""
        named = {each.name for each in self.parameters}
        for name in named & (self.cleaned_data.get(key) or {}).keys():
            text = _("“%s” has a field of its own.") % name
            self.add_error(key, text)

    def call(self) -> tuple[list[Any], dict[str, Any]]:
        """
        Return the positional and the keyword arguments.

        Prefer keyword arguments, and leave out values that equal the default.
        """
        given = {
            parameter.name: value
            for parameter in self.parameters
            if (value := self._value(parameter)) is not _NOT_GIVEN
        }
        args, by_position = self._positional(given)
        kwargs: dict[str, Any] = {}
        for parameter in self.parameters:
            name = parameter.name
            if name not in given or name in by_position:
                continue
            if parameter.kind is Parameter.VAR_KEYWORD:
                kwargs |= given[name]
            else:
                kwargs[name] = given[name]
        return args, kwargs

    def _positional(self, given: Mapping[str, Any]) -> tuple[list[Any], set[str]]:
        """Return the arguments that must be positional, and their names."""
        rest = [
            each.name
            for each in self.parameters
            if each.kind is Parameter.VAR_POSITIONAL and given.get(each.name)
        ]
        kinds = _POSITIONAL if rest else (Parameter.POSITIONAL_ONLY,)
        before = [each for each in self.parameters if each.kind in kinds]
        while before and not rest and before[-1].name not in given:
            before.pop()
        args = [given.get(each.name, each.default) for each in before]
        names = {each.name for each in before} | set(rest)
        return [*args, *(value for name in rest for value in given[name])], names

    def _value(self, parameter: Parameter) -> Any:
        """Return an argument, or _NOT_GIVEN if the default applies."""
        name, key = parameter.name, _PREFIX + parameter.name
        if name in self.old and self._is_unchanged(name):
            return self.kept[name]
        value = self.cleaned_data.get(key)
        is_rest = parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
        has_default = is_rest or parameter.default is not Parameter.empty
        if value is None and has_default:
            return _NOT_GIVEN
        if type(value) is type(parameter.default) and value == parameter.default:
            return _NOT_GIVEN
        return value

    def _is_unchanged(self, name: str) -> bool:
        key = _PREFIX + name
        if name in self.task.masked:
            return self[key].data in (None, "")
        return key not in self.changed_data


def _bind(
    task: Task[..., Any, Any], old: tuple[Sequence[Any], Mapping[str, Any]]
) -> tuple[dict[str, Any], bool]:
    """Return arguments by parameter name, and whether they fit the signature."""
    args, kwargs = old
    signature = signature_of(task.func, task.takes_context)
    try:
        bound = signature.bind_partial(*args, **kwargs)
    except TypeError:
        # The signature has changed since that run.
        return {}, False
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in bound.arguments.items()
    }, True
