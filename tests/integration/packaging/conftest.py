"""The wheel that users install."""

import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings


def build(target: str, directory: Path, *, source: Path = settings.BASE_DIR) -> Path:
    """Build a wheel or an sdist into a directory, and return its path."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", directory],
        cwd=source,
        check=True,
        capture_output=True,
    )
    (built,) = directory.glob("*.whl" if target == "wheel" else "*.tar.gz")
    return built


@pytest.fixture(scope="session")
def wheel(tmp_path_factory) -> Path:
    """The wheel of taskhub."""
    return build("wheel", tmp_path_factory.mktemp("wheel"))
