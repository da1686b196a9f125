"""A strict Content-Security-Policy for all pages, as strict sites have it."""


class StrictPolicy:
    """Allows nothing but the site's own files: no inline script, no inline style."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        response["Content-Security-Policy"] = "default-src 'self'; object-src 'none'"
        return response
