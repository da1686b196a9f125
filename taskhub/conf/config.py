"""One backend's configuration, as a frozen value."""

import msgspec

from taskhub.conf.options import Options
from taskhub.messages import SigningKey


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """One backend's settings, validated."""

    alias: str
    #: Empty if any queue name is allowed.
    queues: tuple[str, ...]
    options: Options
    #: The first key signs messages. A message may be signed with any of them.
    signing_keys: tuple[SigningKey, ...]
    #: One line for each error in the settings; a backend with faults runs nothing.
    faults: tuple[str, ...] = ()
