"""The constraint that Python can read every time in the database."""

from django.apps import apps
from django.db.models import DateTimeField

from taskhub.models.constraints import ReadableTimes


def test_every_datetime_field_has_the_constraint():
    unchecked = [
        f"{model.__name__}.{field.name}"
        for model in apps.get_app_config("taskhub").get_models()
        if model._meta.managed
        for field in model._meta.local_fields
        if isinstance(field, DateTimeField) and field.name not in checked(model)
    ]

    assert unchecked == []


def checked(model):
    constraints = model._meta.constraints
    return {
        name
        for constraint in constraints
        if isinstance(constraint, ReadableTimes)
        for name in constraint.fields
    }
