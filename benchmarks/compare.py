"""
Measure two commits in turn on one machine, and tell whether the second is slower.

Both are checked out into separate worktrees, which are removed at the end.
`benchmarks.throughput` runs in them alternately, in the version of each commit. Exits
with 1 if the second commit is slower than the threshold allows, with 2 if one of them
could not be measured.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers import interrupt_on_signals

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("finished", "enqueued")
_STOP_SECONDS = 60


class NotMeasured(Exception):
    """A commit could not be checked out, or its benchmark failed."""


@dataclass
class Commit:
    """A commit in a worktree, and the figures per second of its benchmark."""

    revision: str
    directory: Path
    finished: list[float] = field(default_factory=list)
    enqueued: list[float] = field(default_factory=list)

    def note(self, output: str) -> None:
        """Add the benchmark's figures. Raise NotMeasured if its JSON is invalid."""
        try:
            shown = json.loads(output)
            figures = [float(shown[f"{name}_per_second"]) for name in NAMES]
        except (ValueError, KeyError, TypeError) as error:
            raise NotMeasured(
                f"{self.revision}: not the JSON of benchmarks.throughput: {error!r}"
            ) from error
        for name, figure in zip(NAMES, figures, strict=True):
            getattr(self, name).append(figure)

    def median(self, name: str) -> float:
        """Return the median of a figure."""
        return statistics.median(getattr(self, name))


def main() -> int:
    """Measure, print a line for each figure, and return the exit code."""
    options = _parse_options()
    interrupt_on_signals()
    with ExitStack() as stack:
        try:
            commits = [
                stack.enter_context(checked_out(revision))
                for revision in (options.base, options.revision)
            ]
            _measure(commits, options)
        except NotMeasured as error:
            print(error, file=sys.stderr)
            return 2
    for line in in_words(*commits):
        print(line)
    slower = slower_than(options.threshold, compare(*commits))
    if slower:
        print(f"Slower: {', '.join(slower)}, under {options.threshold:g} times as many")
    return 1 if slower else 0


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare", description=__doc__
    )
    parser.add_argument("base", help="The commit to compare with.")
    parser.add_argument("revision", nargs="?", default="HEAD", help="HEAD by default.")
    parser.add_argument("--rounds", type=int, default=3, help="How often each has it.")
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--broker", choices=["redis", "database"], default="redis")
    parser.add_argument(
        "--threshold",
        type=float,
        default=0.9,
        metavar="RATIO",
        help="The lowest ratio of new to base that is not slower (%(default)s).",
    )
    return parser.parse_args()


@contextmanager
def checked_out(revision: str) -> Iterator[Commit]:
    """Check out a commit into a worktree, and remove the worktree at the end."""
    commit = _git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    if commit is None:
        raise NotMeasured(f"{revision}: there is no such commit")
    with tempfile.TemporaryDirectory(prefix="taskhub-compare-") as parent:
        directory = Path(parent) / "worktree"
        try:
            if _git("worktree", "add", "--detach", str(directory), commit) is None:
                raise NotMeasured(f"{revision}: git cannot check it out")
            yield Commit(revision, directory)
        finally:
            # Also after a failed checkout: git has already registered the worktree.
            _git("worktree", "remove", "--force", str(directory))


def _git(*arguments: str) -> str | None:
    """Return what git prints, or None if it fails."""
    done = subprocess.run(
        ["git", *arguments],  # noqa: S607  the developer's git
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    return None if done.returncode else done.stdout.strip()


def _measure(commits: Sequence[Commit], options: argparse.Namespace) -> None:
    for number in range(options.rounds):
        for commit in commits:
            commit.note(_run(commit, options))
            print(
                f"{number + 1}/{options.rounds} {commit.revision}: "
                f"{commit.finished[-1]:,.0f} finished a second",
                file=sys.stderr,
                flush=True,
            )


def _run(commit: Commit, options: argparse.Namespace) -> str:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "benchmarks.throughput", "--json", "--rounds=1"),
            *(f"--tasks={options.tasks}", f"--broker={options.broker}"),
        ],
        cwd=commit.directory,
        # The worktree's code must be imported, not the code on PYTHONPATH.
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate()
    finally:
        if process.poll() is None:
            # As Ctrl-C: the benchmark then ends its servers and its node itself.
            os.killpg(process.pid, signal.SIGINT)
            process.wait(_STOP_SECONDS)
            # Otherwise, its node would run without servers for a while.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        raise NotMeasured(f"{commit.revision}: benchmarks.throughput failed")
    return output


def compare(base: Commit, new: Commit) -> dict[str, float]:
    """Return the ratio of new to base for each figure: under 1 is slower."""
    return {name: new.median(name) / base.median(name) for name in NAMES}


def slower_than(threshold: float, ratios: Mapping[str, float]) -> list[str]:
    """Return the figures whose ratio is under the threshold."""
    return [name for name, ratio in ratios.items() if ratio < threshold]


def in_words(base: Commit, new: Commit) -> list[str]:
    """Return lines for each figure: its ratio, and the medians with all values."""
    lines = []
    for name, ratio in compare(base, new).items():
        lines.append(f"{name} a second, {ratio:.2f} times as many:")
        for commit in (base, new):
            single = ", ".join(f"{figure:,.0f}" for figure in getattr(commit, name))
            lines.append(
                f"  {commit.median(name):>8,.0f}  {commit.revision} (of {single})"
            )
    return lines


if __name__ == "__main__":
    sys.exit(main())
