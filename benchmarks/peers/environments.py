"""The virtual environments of the peers, which are created at their first use."""

import subprocess
import sys
from pathlib import Path

from benchmarks.peers.peer import ROOT

_ENVIRONMENTS = ROOT / "var" / "peers"


class NotInstalled(Exception):
    """A peer cannot be installed. The message is the last line that pip printed."""


def interpreter_of(peer: str) -> str:
    """
    Return the Python interpreter of a peer, and install the peer first if necessary.

    Raise NotInstalled if the installation fails; the next call repeats it.
    """
    requirements = Path(__file__).with_name(f"{peer}.txt")
    if not requirements.exists():
        # taskhub is in the environment of this process.
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
    # Written last, so that an incomplete environment is not used.
    installed.write_text(requirements.read_text())
    return str(python)


def run_installer(*command: str) -> None:
    """Run venv or pip. If it fails, raise NotInstalled with its last line."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or ["no word of it"]
        raise NotInstalled(said[-1])
