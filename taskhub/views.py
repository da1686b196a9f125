"""
The progress of a result, for pages of the site.

The site decides who may see the progress: its page contains a token, which the view
requires. A token names one result, is signed with the site's key, and is valid for a
day. The view returns the progress and the status, but no arguments and no return value.
"""

from uuid import UUID

from django.core import signing
from django.http import Http404, HttpRequest, JsonResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from taskhub.operations.results.progress import describe_missing, read_progress

_SALT = "taskhub.views"
#: A page that has been open for longer gets no more updates.
_TOKEN_MAX_AGE_SECONDS = 24 * 60 * 60


def make_token(pk: UUID | str) -> str:
    """Return a token for a page whose user may follow the result."""
    return signing.dumps(str(pk), salt=_SALT)


def progress_url(pk: UUID | str) -> str:
    """Return a result's progress URL; raise NoReverseMatch without `taskhub.urls`."""
    return reverse("taskhub:progress", args=[make_token(pk)])


@require_safe
@never_cache
def show_progress(request: HttpRequest, token: str) -> JsonResponse:
    """
    Return the progress of a token's result; see operations.results.progress.

    `?seen=yes` says that the page has shown the result's row before: if the row is
    missing now, the result is over. Raise Http404 if the token is not valid.
    """
    try:
        pk = UUID(signing.loads(token, salt=_SALT, max_age=_TOKEN_MAX_AGE_SECONDS))
    except (signing.BadSignature, ValueError):
        raise Http404 from None
    answer = read_progress(pk)
    return JsonResponse(
        answer or describe_missing(was_there=request.GET.get("seen") == "yes")
    )
