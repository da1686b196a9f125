"""The package that users install."""

import subprocess
import sys
from zipfile import ZipFile

from django.conf import settings


def test_the_wheel_carries_all_that_the_app_needs(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=settings.BASE_DIR,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        carried = set(archive.namelist())

    wanted = {
        str(path.relative_to(settings.BASE_DIR))
        for path in (settings.BASE_DIR / "taskhub").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert {".lua", ".html", ".css", ".typed"} <= {
        "." + name.rpartition(".")[2] for name in wanted
    }
    assert wanted <= carried
    # Neither the demo nor the tests, whose names others may use.
    assert {name.split("/")[0].split("-")[0] for name in carried} == {"taskhub"}
