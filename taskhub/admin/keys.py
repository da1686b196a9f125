"""Keys of rows as addresses and forms have them: written by anybody."""

#: A key with more digits is none: databases count to 2**63.
_MAX_DIGITS = 18


def read_key(text: str) -> int | None:
    """Return the key of a row that counts its rows; None if the text is none."""
    is_key = text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS
    return int(text) if is_key else None
