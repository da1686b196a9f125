"""The app of the tasks."""

from django.apps import AppConfig


class BenchmarkConfig(AppConfig):
    """Has its own label, since the folder's name is procrastinate's label."""

    name = "benchmarks.peers.procrastinate"
    label = "benchmark"
