"""The alarm: wakes beats early when a schedule was saved."""

import logging
from collections.abc import Iterable
from typing import Any

from taskhub.brokers import get_broker
from taskhub.brokers.base import BEAT
from taskhub.compat import django_tasks as compat
from taskhub.conf import Config
from taskhub.exceptions import BrokerError

logger = logging.getLogger(__name__)


def wake_beats() -> None:
    """Have beats look now, and not within a second. Nothing depends on it."""
    for config in _configs():
        try:
            get_broker(config).wake({BEAT})
        except BrokerError as error:
            logger.debug("Cannot wake beats: %s", error)


def _configs() -> list[Config]:
    backends: Iterable[Any] = compat.task_backends.all()
    configs = [getattr(backend, "config", None) for backend in backends]
    # Two backends may well share a broker.
    by_broker = {
        (config.options.broker_url, config.options.key_prefix): config
        for config in configs
        if isinstance(config, Config)
    }
    return list(by_broker.values())
