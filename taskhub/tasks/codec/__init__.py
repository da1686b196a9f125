"""
Codecs: values that JSON does not have, as arguments and return values of tasks.

A codec is made once for a function, from its annotations. It writes each argument with
such a type as plain JSON, without tags, and reads it back by the same annotation in the
worker. `converter.py` does this for one annotation, with the help of `hooks.py`, and
`annotations.py` says which annotations need it. `arrival.py` compares what was passed
with what will arrive. A parameter without a type, or with one of JSON's own, needs no
codec: its values travel as they always did.

UUIDs, dates, times and decimals also travel without an annotation. Their types are
noted beside the arguments; see `noted_types.py`.
"""

from taskhub.tasks.codec.annotations import hints_of
from taskhub.tasks.codec.calls import (
    Encoded,
    check_readable,
    decode,
    encode,
    encode_argument,
    encode_bound,
    encode_without_notes,
    has_references,
)
from taskhub.tasks.codec.codec import codec_of, faults_of
from taskhub.tasks.codec.noted_types import restored, text_of
from taskhub.tasks.codec.return_values import (
    decode_return,
    encode_return,
    returns_references,
)

__all__ = [
    "Encoded",
    "check_readable",
    "codec_of",
    "decode",
    "decode_return",
    "encode",
    "encode_argument",
    "encode_bound",
    "encode_return",
    "encode_without_notes",
    "faults_of",
    "has_references",
    "hints_of",
    "restored",
    "returns_references",
    "text_of",
]
