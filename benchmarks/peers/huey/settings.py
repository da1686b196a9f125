"""huey needs no Django; its own settings are beside its tasks."""

from benchmarks.peers.base_settings import *  # noqa: F403
