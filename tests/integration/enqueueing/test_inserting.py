"""Inserting rows with the same values as save()."""

import pytest
from django.db import IntegrityError, transaction
from django.forms.models import model_to_dict
from django.utils import timezone

from taskhub.models import TaskResult
from taskhub.models.ids import new_id
from taskhub.models.inserting import insert
from taskhub.models.results.slices import NewSlice, PlainSlice

pytestmark = pytest.mark.django_db

ASKED = {
    "task_path": "tests.tasks.echo",
    "queue_name": "default",
    "backend": "default",
    "priority": -7,
    "args": ["100 %s", None, {"Ä": [1.5, True]}, 10**30],
    "kwargs": {"name": "it's"},
}
MORE = {
    "meta": {"user": 7},
    "run_after": timezone.now(),
    "expires_at": timezone.now(),
    "parent_id": new_id(),
    "tick_at": timezone.now(),
    "place": "DELAYED",
}


@pytest.mark.parametrize(
    ("model", "values"),
    [(PlainSlice, ASKED), (NewSlice, ASKED), (NewSlice, ASKED | MORE)],
)
def test_insert_writes_the_same_row_as_save(model, values):
    enqueued_at = timezone.now()
    saved, inserted = (model(**values, enqueued_at=enqueued_at) for _ in range(2))

    saved.save(force_insert=True)
    insert([inserted], "default")

    one, other = (TaskResult.objects.get(pk=each.pk) for each in (saved, inserted))
    assert model_to_dict(other, exclude=["id"]) == model_to_dict(one, exclude=["id"])
    assert other.enqueued_at == enqueued_at
    assert (inserted._state.adding, inserted._state.db) == (False, "default")


def test_a_transaction_with_a_failed_insert_is_not_committed():
    row = PlainSlice(**ASKED, enqueued_at=timezone.now())

    with transaction.atomic():
        insert([row], "default")
        with pytest.raises(IntegrityError):
            insert([row], "default")

    assert not TaskResult.objects.filter(pk=row.pk).exists()
