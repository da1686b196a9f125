"""The peers' own virtual environments, made when they are first wanted."""

import subprocess
import sys
from pathlib import Path

from benchmarks.peers.peer import ROOT

_ENVIRONMENTS = ROOT / "var" / "peers"


class NotInstalled(Exception):
    """A peer cannot be installed here. The text is the last thing that pip said."""


def interpreter_of(peer: str) -> str:
    """
    Return the Python that has a peer, and first install it if need be.

    Raise NotInstalled if that fails; the next call tries again.
    """
    requirements = Path(__file__).with_name(f"{peer}.txt")
    if not requirements.exists():
        # taskhub is where we are.
        return sys.executable
    environment = _ENVIRONMENTS / peer
    python, installed = environment / "bin" / "python", environment / "installed.txt"
    if installed.exists() and installed.read_text() == requirements.read_text():
        return str(python)
    run_installer(sys.executable, "-m", "venv", "--clear", str(environment))
    run_installer(
        *(str(python), "-m", "pip", "install", "--disable-pip-version-check"),
        *("--quiet", "-r", str(requirements)),
    )
    # Last, so that half an environment does not pass for a whole one.
    installed.write_text(requirements.read_text())
    return str(python)


def run_installer(*command: str) -> None:
    """Run venv or pip. Raise NotInstalled, with its last line, if it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no word of it"]
        raise NotInstalled(said[-1])
