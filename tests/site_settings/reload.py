"""Settings that import a module which a test changes while a worker runs."""

from importlib import import_module

from tests.settings import *  # noqa: F403
from tests.settings import env

import_module(env.str("RELOADED_MODULE"))
