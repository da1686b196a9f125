"""
Take pictures of the admin for the documentation, from a separate site.

    python -m tests.browser.screenshots docs/images [NAME …]
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import django
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

_WIDE, _PHONE = (1280, 800), (390, 844)
#: Pictures are cut at this height, in pixels.
_TALLEST = 1500
#: The pages whose addresses need no id.
_LISTS = {
    "list": "periodictask_changelist",
    "new": "periodictask_add",
    "overview": "taskmetrics_changelist",
    "queues": "queuestate_changelist",
}
#: The pictures: name, page, colours, size.
_PICTURES = [
    ("schedules-list", "list", "light", _WIDE),
    ("schedules-list-dark", "list", "dark", _WIDE),
    ("schedules-list-phone", "list", "dark", _PHONE),
    ("schedule-form", "form", "light", _WIDE),
    ("schedule-form-dark", "form", "dark", _WIDE),
    ("schedule-form-phone", "form", "light", _PHONE),
    ("schedule-new", "new", "light", _WIDE),
    ("schedule-disabled", "disabled", "light", _WIDE),
    ("schedule-backfill", "backfill", "light", _WIDE),
    ("overview", "overview", "light", _WIDE),
    ("overview-dark", "overview", "dark", _WIDE),
    ("overview-phone", "overview", "dark", _PHONE),
    ("queues", "queues", "light", _WIDE),
    ("queues-phone", "queues", "light", _PHONE),
    ("node", "node", "light", _WIDE),
    ("quarantined", "message", "light", _WIDE),
]


@contextmanager
def site() -> Iterator[str]:
    """Run the site of the shop on a separate database; yield its address."""
    with tempfile.TemporaryDirectory() as directory:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "project.settings",
            "DATABASE_URL": f"sqlite:///{directory}/shop.sqlite3",
            "VAR_DIR": directory,
            # Playwright runs an event loop in this thread.
            "DJANGO_ALLOW_ASYNC_UNSAFE": "true",
        }
        django.setup()
        from django.contrib.auth.models import User
        from django.contrib.staticfiles.handlers import StaticFilesHandler
        from django.core.management import call_command
        from django.test import override_settings
        from django.test.testcases import LiveServerThread

        from taskhub.models import PeriodicTask
        from tests.browser import shop, shop_floor

        with override_settings(TIME_ZONE=shop.BERLIN, ALLOWED_HOSTS=["*"]):
            call_command("migrate", verbosity=0)
            # Delete the schedules of the demo site.
            PeriodicTask.objects.all().delete()
            User.objects.create_superuser("ada", password="ada")
            shop.fill()
            shop_floor.fill()
            server = LiveServerThread("127.0.0.1", StaticFilesHandler)
            server.daemon = True
            server.start()
            server.is_ready.wait()
            yield f"http://127.0.0.1:{server.port}"
            server.terminate()


def address(what: str) -> str:
    """Return the address of a page."""
    from django.urls import reverse

    from taskhub.models import PeriodicTask, QuarantinedMessage

    if what in _LISTS:
        return reverse(f"admin:taskhub_{_LISTS[what]}")
    if what == "message":
        pk = QuarantinedMessage.objects.get().pk
        return reverse("admin:taskhub_quarantinedmessage_change", args=[pk])
    if what == "node":
        return reverse("admin:taskhub_node_change", args=["web-1"])
    names = {"form": "Nightly invoices", "disabled": "Exchange rates"}
    name = names.get(what, "Stock of the Leipzig warehouse")
    pk = PeriodicTask.objects.get(name=name).pk
    if what == "backfill":
        return f"{reverse('admin:taskhub_periodictask_backfill')}?ids={pk}"
    return reverse("admin:taskhub_periodictask_change", args=[pk])


def prepare(page: Page, what: str) -> None:
    """Bring a page into the state that its picture shows."""
    if what == "new":
        page.get_by_label("Name").fill("Friday's report")
        page.get_by_role("combobox", name="Task").select_option(label="send_invoices")
        page.get_by_label("Cron expression").fill("30 17 * * FRY")
        page.get_by_text("FRY").first.wait_for()
        page.locator(".field-kind").scroll_into_view_if_needed()
    elif what == "backfill":
        page.get_by_role("button", name="Show the runs").click()
        page.get_by_role("heading", name="Runs", exact=True).wait_for()
    elif what in ("form", "disabled"):
        page.locator(".taskhub-runs li").first.wait_for()
    if what == "overview":
        # While it is live, it sends requests, and the network is never idle.
        page.get_by_role("button", name="Pause").click()
    page.wait_for_load_state("networkidle")


def take(browser: Browser, base: str, folder: Path) -> None:
    """Take the pictures named on the command line, or all."""
    from tests.browser import shop_floor

    names = sys.argv[2:]
    for name, what, scheme, (width, height) in _PICTURES:
        if names and name not in names:
            continue
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            timezone_id="America/New_York",
        )
        page = context.new_page()
        shop_floor.keep_present()
        page.goto(base + address(what))
        page.get_by_label("Username").fill("ada")
        page.get_by_label("Password").fill("ada")
        page.get_by_role("button", name="Log in").click()
        page.wait_for_load_state("networkidle")
        prepare(page, what)
        save(page.screenshot(full_page=True), folder / f"{name}.png")
        context.close()


def save(picture: bytes, path: Path) -> None:
    """Save a picture with 256 colours, which reduces its file to a third."""
    whole = Image.open(BytesIO(picture)).convert("RGB")
    shown = whole.crop((0, 0, whole.width, min(whole.height, _TALLEST)))
    image = shown.quantize(256)
    image.save(path, optimize=True)
    print(f"{path.stat().st_size // 1024:>4} KB  {path}")


def run(take: Callable[[Browser, str, Path], None], usage: str) -> int:
    """Run the site, and save pictures in the folder named on the command line."""
    if len(sys.argv) < 2:
        print(usage)
        return 2
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with site() as base, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        take(browser, base, folder)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(run(take, __doc__))
