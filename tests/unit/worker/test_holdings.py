"""What a process holds, while it is told to the broker that it holds it no more."""

import pytest

from taskhub.writer.thread.holdings import Holdings


@pytest.fixture
def holdings():
    holdings = Holdings()
    holdings.add(["a", "b"])
    return holdings


def test_what_came_in_a_reply_that_was_lost_is_a_stranger(holdings):
    assert holdings.strangers({"a", "b", "c"}) == {"c"}


def test_what_is_being_acknowledged_is_no_stranger(holdings):
    """The broker may hear of it late, and count it as held until then."""
    with holdings.settling(["a"]):
        assert holdings.strangers({"a", "b"}) == set()


def test_what_is_acknowledged_is_a_stranger_if_it_is_held_again(holdings):
    with holdings.settling(["a"]):
        pass

    assert holdings.strangers({"a", "b"}) == {"a"}


def test_what_could_not_be_acknowledged_is_still_held(holdings):
    with pytest.raises(ConnectionError), holdings.settling(["a"]):
        raise ConnectionError

    assert holdings.strangers({"a", "b"}) == set()


def test_what_is_reserved_anew_while_it_is_settled_stays_known(holdings):
    """One that is due again at once may be under way before the answer is here."""
    with holdings.settling(["a"]):
        holdings.add(["a"])

    assert holdings.strangers({"a"}) == set()


def test_what_is_given_back_is_known_no_more(holdings):
    holdings.remove(["a"])

    assert holdings.strangers({"a", "b"}) == {"a"}
