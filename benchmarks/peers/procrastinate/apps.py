"""The tasks' app."""

from django.apps import AppConfig


class BenchmarkConfig(AppConfig):
    """Not labelled as its folder is named, which is procrastinate's own label."""

    name = "benchmarks.peers.procrastinate"
    label = "benchmark"
