"""The URLs of the demo site."""

from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.urls import include, path

from project import views

urlpatterns = [
    path("", views.home, name="home"),
    path("runs/", views.start_run, name="start-run"),
    path("runs/<uuid:run>/", views.show_run, name="run"),
    path("pictures/", views.upload_picture, name="upload-picture"),
    path("greetings/", views.greet, name="greet"),
    path("failures/", views.fail, name="fail"),
    path("results/<uuid:pk>/", views.show_result, name="result"),
    # Serves the progress of results to the pages above.
    path("tasks/", include("taskhub.urls")),
    path("admin/", admin.site.urls),
    # Works only with DEBUG; in production, the web server serves these files.
    *static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT),
]
