"""
How far a result is, on the site's own pages.

Who may know is for the site to decide: a page gives out a token, and only a token is
answered. It names one result, is signed with the site's key, and is good for a day; it
tells how far that result is and how it has ended, and nothing of what it was about.
"""

from uuid import UUID

from django.core import signing
from django.http import Http404, HttpRequest, JsonResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from taskhub.operations.results.progress import describe_missing, read_progress

_SALT = "taskhub.views"
#: A page that is left open for longer asks in vain, and shows what it has.
_GOOD_FOR_SECONDS = 24 * 60 * 60


def make_token(pk: UUID | str) -> str:
    """Return a token for a result, to be put into a page for who may follow it."""
    return signing.dumps(str(pk), salt=_SALT)


def progress_url(pk: UUID | str) -> str:
    """
    Return the address that answers how far a result is.

    Raise NoReverseMatch if the site's URLs do not include `taskhub.urls`.
    """
    return reverse("taskhub:progress", args=[make_token(pk)])


@require_safe
@never_cache
def show_progress(request: HttpRequest, token: str) -> JsonResponse:
    """
    Answer how far the result of a token is; see operations.results.progress.

    Whoever asks with `?seen=yes` has seen it before: if it is gone, it is over.
    """
    try:
        pk = UUID(signing.loads(token, salt=_SALT, max_age=_GOOD_FOR_SECONDS))
    except (signing.BadSignature, ValueError):
        raise Http404 from None
    answer = read_progress(pk)
    return JsonResponse(answer or describe_missing(was_there="seen" in request.GET))
