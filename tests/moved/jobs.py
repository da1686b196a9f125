"""Tasks in a module that Celery finds by `related_name`."""

from taskhub.interop.celery import shared_task


@shared_task
def found():
    return "found"
