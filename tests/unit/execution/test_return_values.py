"""Storing return values: unstorable parts are changed, and the changes are noted."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskhub.execution.return_values import StorableValue
from taskhub.foundation.values import is_storable_text

ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None)),
    lambda children: (
        st.lists(children)
        | st.dictionaries(
            st.text() | st.integers() | st.none() | st.booleans(), children
        )
        | st.tuples(children)
    ),
    max_leaves=30,
)
#: Values that JSON and every database can hold as they are.
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    lambda children: (
        st.lists(children)
        | st.dictionaries(
            st.text(st.characters(codec="utf-8", exclude_characters="\0")), children
        )
    ),
    max_leaves=30,
)


@given(ANYTHING, st.integers(min_value=1024, max_value=4096))
def test_every_json_value_becomes_storable_on_every_database(value, max_bytes):
    stored = StorableValue(value, max_bytes=max_bytes)

    # Databases need strict JSON, in UTF-8 and without NUL; its size is limited.
    text = json.dumps(stored.value, allow_nan=False, ensure_ascii=False)
    assert len(text.encode()) <= max_bytes
    assert is_storable_text(text.replace("\\u0000", "\\\\u0000")) or "\\u" in text
    assert "\\u0000" not in json.dumps(stored.value).replace("\\\\u0000", "")


@given(ANYTHING)
def test_a_value_without_notes_is_unchanged(value):
    stored = StorableValue(value, max_bytes=1_000_000)

    if not stored.notes:
        assert json.loads(json.dumps(stored.value)) == json.loads(json.dumps(value))


@given(PLAIN)
def test_a_plain_value_is_stored_without_notes(value):
    stored = StorableValue(value, max_bytes=1_000_000)

    assert stored.value == value
    assert stored.notes == {}


@pytest.mark.parametrize(
    ("value", "kept", "place"),
    [
        ({1: "int", "1": "str"}, {"1": "str"}, "return value"),
        ([{None: 1, "null": 2}], [{"null": 2}], "return value[0]"),
        ({"a": {True: 1, "true": 2}}, {"a": {"true": 2}}, "return value['a']"),
    ],
)
def test_keys_that_are_equal_in_json_are_merged_and_noted(value, kept, place):
    stored = StorableValue(value, max_bytes=1024)

    assert stored.value == kept
    assert stored.notes == {"merged": place}


@pytest.mark.parametrize(
    ("value", "kept", "places"),
    [
        ("a\0b", "a\\u0000b", "return value"),
        ([1, "\ud800"], [1, "\\ud800"], "return value[1]"),
        ({"\0": 1}, {"\\u0000": 1}, "a key of return value"),
        ({"a": float("nan")}, {"a": "nan"}, "return value['a']"),
        ([float("inf")] * 7, ["inf"] * 7, "return value[4] and 2 more"),
    ],
)
def test_values_that_databases_refuse_are_escaped_and_noted(value, kept, places):
    stored = StorableValue(value, max_bytes=1024)

    assert stored.value == kept
    assert stored.notes["escaped"].endswith(places)


def test_a_value_that_is_too_large_is_truncated_and_noted():
    stored = StorableValue({"rows": ["x" * 100] * 100}, max_bytes=6_000)

    assert stored.value.startswith('{"rows": ["xxx')
    assert len(stored.value) == 1_000
    assert stored.notes["truncated"].startswith("It is 10,")


@pytest.mark.parametrize("value", [{1}, object(), [b"\xff"], {(1, 2): 3}])
def test_a_value_that_json_cannot_hold_raises_type_error(value):
    with pytest.raises(TypeError, match=r"Unsupported type. .* which JSON cannot hold"):
        StorableValue(value, max_bytes=1024)


def test_a_value_that_contains_itself_raises_type_error():
    endless = {}
    endless["again"] = [endless]

    with pytest.raises(TypeError, match="does it contain itself"):
        StorableValue(endless, max_bytes=1024)


def test_integers_of_too_many_digits_are_stored_as_hexadecimal():
    huge = 10**4_300

    stored = StorableValue([huge, {huge: 1}], max_bytes=60_000)

    assert stored.value == [hex(huge), {hex(huge): 1}]
    assert stored.notes["escaped"] == "return value[0], a key of return value[1]"
