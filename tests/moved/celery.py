"""The app of the project, its schedules, and receivers that write their signals."""

import os

from taskhub.interop.celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.moved.settings")

app = Celery("moved")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["tests.moved"], related_name="jobs")


@app.task(bind=True, ignore_result=True)
def debug_task(self):
    """The task that Celery's guide has."""
    write("debug", task=self)


@app.on_after_configure.connect
def set_up_schedules(sender, **kwargs):
    sender.add_periodic_task(0.2, debug_task.s(), name="debug")


def write(what, **told):
    """Write a line into the file that the environment names."""
    if path := os.environ.get("MOVED_LINES"):
        task = getattr(told.get("task") or told.get("sender"), "name", "")
        with open(path, "a") as lines:
            lines.write(f"{what} {task}".strip() + "\n")


for _name in (
    *("task_prerun", "task_postrun", "task_success", "task_failure", "task_retry"),
    *("worker_process_init", "worker_process_shutdown"),
    *("worker_ready", "worker_shutdown", "task_revoked", "before_task_publish"),
    *("after_task_publish", "beat_init"),
):
    getattr(signals, _name).connect(
        lambda sender, _name=_name, **told: write(_name, sender=sender, **told),
        weak=False,
    )
