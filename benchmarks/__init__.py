"""Measurements. Each is a command: `python -m benchmarks.<name> --help`."""
