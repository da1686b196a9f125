"""The comparison of two commits: reading figures and reporting ratios."""

import json
import subprocess
from pathlib import Path

import pytest

from benchmarks import compare
from benchmarks.compare import Commit, NotMeasured, checked_out, in_words


def commit(revision: str, *figures: tuple[float, float]) -> Commit:
    made = Commit(revision, Path())
    for finished, enqueued in figures:
        shown = {"finished_per_second": finished, "enqueued_per_second": enqueued}
        made.note(json.dumps(shown))
    return made


def git(directory: Path, *arguments: str) -> str:
    author = ("-c", "user.name=A", "-c", "user.email=a@example.com")
    command = ["git", *author, *arguments]
    return subprocess.check_output(command, cwd=directory, text=True)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one empty commit, in which the comparison runs."""
    # If a git hook runs the tests, these variables point to its own repository.
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message=Begin")
    monkeypatch.setattr(compare, "ROOT", tmp_path)
    return tmp_path


def test_ratios_compare_the_medians_of_new_and_base():
    base = commit("v1", (8_000, 6_000), (1_000, 6_100), (8_200, 5_900))
    new = commit("HEAD", (4_000, 6_000), (4_200, 6_600), (9_000, 6_900))
    assert compare.compare(base, new) == {"finished": 0.525, "enqueued": 1.1}


def test_figures_under_the_threshold_are_slower():
    ratios = {"finished": 0.9, "enqueued": 0.899}
    assert compare.slower_than(0.9, ratios) == ["enqueued"]


def test_the_report_lists_each_measured_figure():
    base = commit("v1", (8_000, 6_000), (7_900, 5_000), (8_100, 7_000))
    new = commit("HEAD", (4_000, 6_000))
    assert in_words(base, new)[:3] == [
        "finished a second, 0.50 times as many:",
        "     8,000  v1 (of 8,000, 7,900, 8,100)",
        "     4,000  HEAD (of 4,000)",
    ]


@pytest.mark.parametrize("output", ["", "no JSON", "[]", '{"finished_per_second": 1}'])
def test_output_that_is_not_the_json_of_the_benchmark_is_refused(output):
    measured = Commit("v1", Path())
    with pytest.raises(NotMeasured, match="v1: not the JSON"):
        measured.note(output)
    assert not measured.finished


def test_the_worktree_is_removed_after_an_exception(repository):
    with pytest.raises(ZeroDivisionError), checked_out("HEAD") as made:
        assert (made.directory / ".git").exists()
        (made.directory / "left").write_text("something that is not committed")
        raise ZeroDivisionError
    assert not made.directory.parent.exists()
    assert len(git(repository, "worktree", "list").splitlines()) == 1


def test_an_unknown_revision_is_reported_and_makes_no_worktree(repository):
    with (
        pytest.raises(NotMeasured, match="v9: there is no such commit"),
        checked_out("v9"),
    ):
        pass
    assert len(git(repository, "worktree", "list").splitlines()) == 1
