"""Waking beats when a schedule was saved."""

import logging

from taskhub.brokers import get_broker
from taskhub.brokers.base import BEAT
from taskhub.conf import Config, configs
from taskhub.exceptions import BrokerError

logger = logging.getLogger(__name__)


def wake_beats() -> None:
    """Wake beats now. Without this, they see the change within a second."""
    for config in _configs_by_broker():
        try:
            get_broker(config).wake({BEAT})
        except BrokerError as error:
            logger.debug("Cannot wake beats: %s", error)


def _configs_by_broker() -> list[Config]:
    """Return one configuration for each broker, which backends may share."""
    by_broker = {
        (config.options.broker_url, config.options.key_prefix): config
        for config in configs()
    }
    return list(by_broker.values())
