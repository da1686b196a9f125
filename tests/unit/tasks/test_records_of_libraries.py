"""Records of libraries that a site may use: attrs and pydantic."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from taskhub.exceptions import InvalidArguments
from taskhub.tasks.codec import faults_of
from tests.unit.tasks.test_codec import sent, taking

MOMENT = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.fixture
def price() -> Any:
    """A class of attrs."""
    attrs = pytest.importorskip("attrs")
    return attrs.make_class(
        "Price", {"amount": attrs.field(type=Decimal), "at": attrs.field(type=datetime)}
    )


@pytest.fixture
def parcel() -> Any:
    """A model of pydantic."""
    pydantic = pytest.importorskip("pydantic")
    return pydantic.create_model("Parcel", weight=(Decimal, ...), sent=(datetime, ...))


def test_instances_of_attrs_arrive_as_they_were(price):
    value = price(amount=Decimal("1.50"), at=MOMENT)

    assert sent(taking(price), value) == value


def test_models_of_pydantic_arrive_as_they_were(parcel):
    value = parcel(weight=Decimal("1.50"), sent=MOMENT)

    assert faults_of(taking(parcel), False) == {}
    for annotation in (parcel, parcel | None):
        assert sent(taking(annotation), value) == value
    assert sent(taking(list[parcel]), [value]) == [value]
    assert sent(taking(parcel | None), None) is None


def test_a_value_that_pydantic_refuses_is_not_shown(parcel):
    with pytest.raises(InvalidArguments) as caught:
        sent(taking(parcel), {"weight": "secret", "sent": MOMENT.isoformat()})

    assert "does not fit its annotation, Parcel: weight: Input should" in str(
        caught.value
    )
    assert "secret" not in str(caught.value)


def test_a_private_attribute_of_attrs_that_would_get_lost_is_refused():
    attrs = pytest.importorskip("attrs")
    secretive = attrs.make_class(
        "Secretive", {"_code": attrs.field(type=int, default=1)}
    )

    assert sent(taking(secretive), secretive()) == secretive()
    with pytest.raises(
        InvalidArguments, match=r"\['_code'\] would arrive with another"
    ):
        sent(taking(secretive), secretive(code=2))


def test_models_of_pydantic_with_aliases_and_other_rules_arrive():
    pydantic = pytest.importorskip("pydantic")

    class Trip(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(strict=True, extra="forbid")

        day: date = pydantic.Field(alias="dayOfTravel")
        options: pydantic.Json

        @pydantic.computed_field
        def year(self) -> int:
            return self.day.year

    trip = Trip(dayOfTravel=MOMENT.date(), options='{"a": 1}')

    assert sent(taking(Trip), trip) == trip


def test_what_pydantic_does_not_write_is_refused():
    pydantic = pytest.importorskip("pydantic")

    class Login(pydantic.BaseModel):
        name: str = "ada"
        password: pydantic.SecretStr = pydantic.SecretStr("")
        note: str = pydantic.Field(default="", exclude=True)

    for value, place in (
        (Login(password="hunter2"), "password"),
        (Login(note="x"), "note"),
    ):
        with pytest.raises(InvalidArguments, match=rf"\['{place}'\] would arrive with"):
            sent(taking(Login), value)


def test_a_model_of_a_subclass_is_refused(parcel):
    heavy = type("Heavy", (parcel,), {})(weight=Decimal(1), sent=MOMENT)

    with pytest.raises(InvalidArguments, match="Heavy, and would arrive as type Parc"):
        sent(taking(list[parcel]), [heavy])
