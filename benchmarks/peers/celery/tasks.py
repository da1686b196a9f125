"""Celery's application, and the tasks."""

from celery import Celery

from benchmarks.peers import tally

app = Celery("peers")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.task
def no_op(number: int) -> None:
    """Do nothing."""
    tally.note_run()


@app.task
def start(sent: float) -> None:
    """Note the delay."""
    tally.note_start(sent)
