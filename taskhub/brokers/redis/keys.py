"""The names of a queue's keys. The package's docstring describes them."""


class Keys:
    """The names of one queue's keys."""

    def __init__(self, prefix: str, queue_name: str) -> None:
        self.base = base = f"{prefix}:{{{queue_name}}}"
        self.messages = f"{base}:messages"
        self.delayed = f"{base}:delayed"
        self.ready = f"{base}:ready"
        self.nodes = f"{base}:nodes"
        self.paused = f"{base}:paused"
        self.wake = f"{base}:wake"
        self.mark = f"{base}:mark"
        self.owner = f"{base}:owner"
        self.run = f"{base}:run"

    @property
    def places(self) -> list[str]:
        """The keys of the bodies, of delayed and ready messages, and of the leases."""
        return [self.messages, self.delayed, self.ready, self.nodes]

    def of_holder(self, token: str) -> list[str]:
        """Return the keys in `places`, and before the last one the key held(token)."""
        return [self.messages, self.delayed, self.ready, self.held(token), self.nodes]

    def held(self, token: str) -> str:
        """Return the key of the messages that a token holds."""
        return f"{self.base}:held:{token}"
