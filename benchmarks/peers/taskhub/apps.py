"""The app of the tasks."""

from django.apps import AppConfig


class BenchmarkConfig(AppConfig):
    """Has its own label, since the folder's name is taskhub's label."""

    name = "benchmarks.peers.taskhub"
    label = "benchmark"
