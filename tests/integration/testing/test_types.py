"""Values that JSON does not have, in assertions and in runs of the kit."""

from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest

from tests import typed_tasks
from tests.models import Trace

pytestmark = [pytest.mark.any_broker, pytest.mark.any_database]

KEY = UUID(int=7)
DAY = date(2026, 11, 23)


def test_values_are_compared_by_annotation_and_by_noted_type(taskhub):
    typed_tasks.describe_typed.enqueue(KEY, DAY, last=[DAY], price=Decimal(1))

    taskhub.assert_enqueued(
        typed_tasks.describe_typed, KEY, DAY, last=[DAY], price=Decimal(1)
    )
    taskhub.refute_enqueued(
        typed_tasks.describe_typed, KEY, DAY, last=[], price=Decimal(1)
    )


def test_an_instance_is_compared_by_its_key(taskhub):
    trace = Trace.objects.create(label="x", pid=1)
    typed_tasks.read_trace.enqueue(trace)

    taskhub.assert_enqueued(typed_tasks.read_trace, trace)
