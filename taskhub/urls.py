"""
The addresses that the site's own pages ask: `path("tasks/", include("taskhub.urls"))`.

The admin brings its own.
"""

from django.urls import path

from taskhub.views import show_progress

app_name = "taskhub"
urlpatterns = [path("progress/<str:token>/", show_progress, name="progress")]
