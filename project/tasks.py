"""The tasks of the demo site."""

import shutil
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.mail import send_mail
from django.utils import timezone
from PIL import Image, ImageOps
from uuid_utils.compat import uuid7

from project import analysis
from taskhub import Context, periodic, task
from taskhub.models import Status, TaskResult, TaskResultQuerySet
from taskhub.schedules import cron, every

# The main job: one task for each module, and one that adds up their results.


def start_analysis() -> UUID:
    """Enqueue the analysis of the whole standard library; return the run's id."""
    run = uuid7()
    meta = {"run": str(run)}
    paths = analysis.find_modules()
    analyse_module.using(meta=meta).enqueue_many((path,) for path in paths)
    # With the lowest priority, it is started after all other tasks.
    add_up.using(meta=meta, priority=-100).enqueue(str(run))
    return run


def results_of(run: UUID) -> TaskResultQuerySet:
    """Return the results of a run's modules."""
    results = TaskResult.objects.for_task(analyse_module)
    # The id of a run was made before those of its results, and ids grow with time. This
    # condition uses the primary key.
    return results.filter(id__gt=run, meta__run=str(run))


def summary_of(run: UUID) -> TaskResult | None:
    """Return the latest result of the task that adds up a run."""
    results = TaskResult.objects.for_task(add_up)
    return results.filter(id__gt=run, meta__run=str(run)).first()


@task
def analyse_module(path: str) -> analysis.Report:
    """Report on one module of the standard library."""
    return analysis.analyse(path)


@task
def add_up(run: str) -> analysis.Report | None:
    """Add up the results of a run; while some are unfinished, enqueue this again."""
    results = results_of(UUID(run))
    if results.unfinished().exists():
        soon = timedelta(seconds=0.2)
        add_up.using(meta={"run": run}, run_after=soon).enqueue(run)
        return None
    return analysis.summarise(
        results.successful().values_list("return_value", flat=True)
    )


def is_continued(summary: TaskResult) -> bool:
    """Return whether the task has enqueued another one, which adds up the run."""
    return summary.status == Status.SUCCESSFUL and summary.return_value is None


# Three common uses of tasks.

THUMBNAIL_SIZES = (96, 240, 480)


@task(queue_name="pictures", takes_context=True)
def make_thumbnails(context: Context, name: str) -> list[dict[str, Any]]:
    """Make thumbnails of a stored picture; return their names and sizes."""
    thumbnails = []
    with default_storage.open(name) as file, Image.open(file) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    for size in THUMBNAIL_SIZES:
        context.progress(len(thumbnails), len(THUMBNAIL_SIZES), f"{size} pixels")
        thumbnails.append(_save_thumbnail(upright, name, size))
    return thumbnails


def _save_thumbnail(picture: Image.Image, name: str, size: int) -> dict[str, Any]:
    thumbnail = picture.copy()
    thumbnail.thumbnail((size, size))
    file = ContentFile(b"")
    thumbnail.save(file, "JPEG", quality=85)
    path = PurePosixPath(name)
    saved = default_storage.save(str(path.with_name(f"{path.stem}-{size}.jpg")), file)
    return {"name": saved, "width": thumbnail.width, "height": thumbnail.height}


@task(queue_name="mail")
def send_greeting(address: str, *, name: str) -> str:
    """Send a greeting by mail."""
    send_mail(
        subject=f"Hello, {name}",
        message=f"Hello, {name},\n\nthis was sent by a taskhub worker.\n",
        from_email=None,
        recipient_list=[address],
    )
    return f"Sent to {address}"


@task
def divide_by_zero(amount: int) -> float:
    """Fail, to show what a failure looks like."""
    return _share(amount, among=[])


def _share(amount: int, *, among: list[str]) -> float:
    return amount / len(among)


# Tasks with a schedule.


@periodic(
    every(minutes=1),
    description="Measures the disk of the demo's files.",
    overlap="skip",
)
@task
def measure_disk() -> dict[str, int]:
    """Measure the disk, in MiB."""
    usage = shutil.disk_usage(settings.VAR_DIR)
    return {"free": usage.free >> 20, "total": usage.total >> 20}


@periodic(cron("30 4 * * *"), description="Deletes pictures that are older than a day.")
@task
def delete_old_pictures() -> int:
    """Delete pictures that were uploaded more than a day ago; return how many."""
    if not default_storage.exists("pictures"):
        return 0
    yesterday = timezone.now() - timedelta(days=1)
    _folders, names = default_storage.listdir("pictures")
    paths = [f"pictures/{name}" for name in names]
    old = [
        path for path in paths if default_storage.get_modified_time(path) < yesterday
    ]
    for path in old:
        default_storage.delete(path)
    return len(old)
