"""The views of the demo site: they enqueue tasks and show rows of `TaskResult`."""

from uuid import UUID, uuid4

from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from project import tasks
from project.forms import GreetingForm, PictureForm
from taskhub.models import TaskResult


def home(request: HttpRequest) -> HttpResponse:
    """Show the forms that enqueue tasks, and the latest results."""
    return _show_home(request)


def _show_home(
    request: HttpRequest,
    *,
    picture_form: PictureForm | None = None,
    greeting_form: GreetingForm | None = None,
) -> HttpResponse:
    results = TaskResult.objects.exclude(task_path=tasks.analyse_module.module_path)
    return render(
        request,
        "home.html",
        {
            "picture_form": picture_form or PictureForm(),
            "greeting_form": greeting_form or GreetingForm(),
            "results": results.since(days=7)[:12],
        },
    )


@require_POST
def start_run(request: HttpRequest) -> HttpResponse:
    """Enqueue the analysis of the standard library."""
    return redirect("run", run=tasks.start_analysis())


@require_safe
def show_run(request: HttpRequest, run: UUID) -> HttpResponse:
    """Show the progress and the findings of a run."""
    # Read the summary before the other results are counted. If it has a value, all of
    # them have finished, and the counts below are final.
    summary = tasks.summary_of(run)
    if summary is None:
        return render(request, "missing.html", status=404)
    results = tasks.results_of(run)
    stats = results.stats()
    return render(
        request,
        "run.html",
        {
            "stats": stats,
            "percent": 100 * stats.finished // (stats.total or 1),
            "summary_id": summary.pk,
            "summary": summary.return_value,
            "is_over": summary.is_finished and not tasks.is_continued(summary),
            "latest": results.successful()[:8],
            "failed": results.failed()[:8],
        },
    )


@require_POST
def upload_picture(request: HttpRequest) -> HttpResponse:
    """Store a picture, and enqueue the task that makes thumbnails."""
    form = PictureForm(request.POST, request.FILES)
    if not form.is_valid():
        return _show_home(request, picture_form=form)
    picture = form.cleaned_data["picture"]
    suffix = picture.image.format.lower()
    name = default_storage.save(f"pictures/{uuid4().hex}.{suffix}", picture)
    return redirect("result", pk=tasks.make_thumbnails.enqueue(name).id)


@require_POST
def greet(request: HttpRequest) -> HttpResponse:
    """Enqueue the task that sends a greeting."""
    form = GreetingForm(request.POST)
    if not form.is_valid():
        return _show_home(request, greeting_form=form)
    address, name = form.cleaned_data["address"], form.cleaned_data["name"]
    return redirect("result", pk=tasks.send_greeting.enqueue(address, name=name).id)


@require_POST
def fail(request: HttpRequest) -> HttpResponse:
    """Enqueue a task that fails."""
    return redirect("result", pk=tasks.divide_by_zero.enqueue(12).id)


@require_safe
def show_result(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show one result and its progress."""
    result = get_object_or_404(TaskResult, pk=pk)
    thumbnails = (
        [
            {**thumbnail, "url": default_storage.url(thumbnail["name"])}
            for thumbnail in result.return_value or []
        ]
        if result.task_path == tasks.make_thumbnails.module_path
        else []
    )
    return render(
        request,
        "result.html",
        {"result": result, "thumbnails": thumbnails, "is_over": result.is_finished},
    )
