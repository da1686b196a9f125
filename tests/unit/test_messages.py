"""Sealing and unsealing messages, and refusing bad ones."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskhub.exceptions import BadMessage
from taskhub.messages import derive_key, seal, unseal
from tests.factories import MessageFactory


class OtherDatetime(datetime):
    """A subclass of datetime, as freezegun and pendulum have one."""


KEY, OLD_KEY = derive_key("now"), derive_key("before")


def test_unseal_returns_the_sealed_message():
    message = MessageFactory(
        args=[2**200, "\N{SNOWMAN}", 1.5, None, {"a": []}],
        kwargs={"key": True},
        run_after=datetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=UTC),
        meta={"order": 7},
        durable=False,
    )

    assert unseal(seal(message, KEY), [KEY], max_bytes=10_000) == message


def test_datetimes_of_a_subclass_can_be_sealed():
    in_kolkata = timezone(timedelta(hours=5, minutes=30))
    message = MessageFactory(
        enqueued_at=OtherDatetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=UTC),
        run_after=OtherDatetime(2030, 1, 1, 18, tzinfo=in_kolkata),
    )

    assert unseal(seal(message, KEY), [KEY], max_bytes=10_000) == message


def test_a_message_signed_with_any_of_the_keys_is_accepted():
    body = seal(MessageFactory(), OLD_KEY)

    assert unseal(body, [KEY, OLD_KEY], max_bytes=10_000)
    with pytest.raises(BadMessage, match="signature does not verify"):
        unseal(body, [KEY], max_bytes=10_000)


def test_keys_differ_by_secret_and_not_by_text_or_bytes():
    assert derive_key("a") != derive_key("b")
    assert derive_key("a") == derive_key(b"a")


@given(st.binary(max_size=300))
def test_random_bytes_are_refused(body):
    with pytest.raises(BadMessage):
        unseal(body, [KEY], max_bytes=200)


@given(st.data())
def test_an_altered_message_is_refused(data):
    body = bytearray(seal(MessageFactory(), KEY))
    position = data.draw(st.integers(0, len(body) - 1))
    body[position] ^= data.draw(st.integers(1, 255))

    with pytest.raises(BadMessage):
        unseal(bytes(body), [KEY], max_bytes=10_000)


def test_a_small_message_takes_less_than_250_bytes():
    # A million waiting messages should fit into a small Redis.
    assert len(seal(MessageFactory(), KEY)) < 250
