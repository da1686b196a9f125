"""The worker process: it reserves messages and runs tasks."""
