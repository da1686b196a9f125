"""The URLs for pages of the site: `path("tasks/", include("taskhub.urls"))`."""

from django.urls import path

from taskhub.views import show_progress

app_name = "taskhub"
urlpatterns = [path("progress/<str:token>/", show_progress, name="progress")]
