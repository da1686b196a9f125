"""The files of a project that uses Celery, by their paths."""

FILES = {
    "shop/celery.py": """\
import os

from celery import Celery
from celery.schedules import crontab

app = Celery("shop")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "bills": {"task": "shop.tasks.bill", "schedule": crontab(minute=0)},
}
app.conf.update(task_routes={"shop.*": {"queue": "shop"}}, broker_url=os.environ["B"])
""",
    "shop/settings.py": """\
CELERY_BROKER_URL = "redis://localhost"
CELERY_RESULT_BACKEND: str = "django-db"
CELERY_TASK_ALWAYS_EAGER = False
CELERY_TASK_SERIALIZER = "pickle"
CELERY_SOMETHING_ELSE = 3
OTHER = "celery"
""",
    "shop/tasks.py": """\
import celery
from celery import chord, group, shared_task
from celery.exceptions import MaxRetriesExceededError
from celery.signals import task_received, task_success
from celery.utils.nodenames import host_format
from django_celery_results.models import TaskResult
from kombu import Exchange

from shop.celery import app


@shared_task(bind=True, max_retries=5, rate_limit="10/m")
def bill(self, order_id):
    try:
        send.apply_async(args=[order_id], countdown=3, link=note.s(), routing="x")
    except OSError as error:
        raise self.retry(exc=error)


@app.task(serializer="pickle", priority=3, color="red")
async def send(order_id):
    chord([note.s(1), note.s(2)])(note.si())


@celery.shared_task
def note(number):
    app.control.revoke("id", terminate=True)
    app.control.inspect().active()


def not_a_task():
    group(note.s(each) for each in range(3)).delay()
    "text".format(task_id=1)
""",
    "Procfile": """\
web: gunicorn shop.wsgi
worker: celery -A shop worker -c 4 -l info
beat: celery --app=shop beat
""",
    "compose.yml": """\
services:
  worker:
    command: ["celery", "-A", "shop", "worker"]
  other:
    command: ["python", "celery_stub.py"]
""",
}
