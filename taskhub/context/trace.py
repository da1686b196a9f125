"""The carrier of OpenTelemetry's trace."""

from collections.abc import Iterator
from contextlib import contextmanager

from taskhub.context.carrier import Carrier


class Trace(Carrier):
    """The trace of OpenTelemetry, as its configured propagators write it."""

    def __init__(self) -> None:
        try:
            from opentelemetry import context, propagate
        except ImportError:
            raise ImportError(
                "taskhub.context.Trace needs OpenTelemetry; run: "
                "pip install 'django-taskhub[opentelemetry]'"
            ) from None
        self._context, self._propagate = context, propagate

    def capture(self) -> dict[str, str] | None:
        headers: dict[str, str] = {}
        self._propagate.inject(headers)
        return headers or None

    @contextmanager
    def restore(self, value: dict[str, str]) -> Iterator[None]:
        token = self._context.attach(self._propagate.extract(value))
        try:
            yield
        finally:
            self._context.detach(token)
