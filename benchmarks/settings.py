"""Settings of the benchmarks: the demo site's, in production's temper."""

from project.settings import *  # noqa: F403
from project.settings import INSTALLED_APPS

DEBUG = False
INSTALLED_APPS = [*INSTALLED_APPS, "benchmarks"]
