"""The messages that a process holds, also while it acknowledges them."""

import pytest

from taskhub.writer.thread.holdings import Holdings


@pytest.fixture
def holdings():
    holdings = Holdings()
    holdings.add(["a", "b"])
    return holdings


def test_a_message_of_a_lost_reply_is_a_stranger(holdings):
    assert holdings.strangers({"a", "b", "c"}) == {"c"}


def test_a_message_that_is_being_acknowledged_is_no_stranger(holdings):
    """The broker may count it as held until the acknowledgement arrives."""
    with holdings.settling(["a"]):
        assert holdings.strangers({"a", "b"}) == set()


def test_an_acknowledged_message_that_is_held_again_is_a_stranger(holdings):
    with holdings.settling(["a"]):
        pass

    assert holdings.strangers({"a", "b"}) == {"a"}


def test_a_message_is_still_known_if_acknowledging_it_failed(holdings):
    with pytest.raises(ConnectionError), holdings.settling(["a"]):
        raise ConnectionError

    assert holdings.strangers({"a", "b"}) == set()


def test_a_message_reserved_again_while_it_is_settled_stays_known(holdings):
    """A message that is due at once may be reserved again before the reply arrives."""
    with holdings.settling(["a"]):
        holdings.add(["a"])

    assert holdings.strangers({"a"}) == set()


def test_a_removed_message_is_a_stranger(holdings):
    holdings.remove(["a"])

    assert holdings.strangers({"a", "b"}) == {"a"}
