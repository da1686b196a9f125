"""One deliberate fault, and the tests that must notice it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mutant:
    """A fault that is made by replacing one text in one file."""

    #: The fault that users would see, in kebab-case.
    name: str
    #: The file, relative to the root of the project.
    path: str
    #: The text to replace; it occurs exactly once in the file.
    old: str
    new: str
    #: Arguments for pytest: the tests that must fail.
    tests: tuple[str, ...]
    #: The database to run the tests on.
    database: str = "sqlite"

    def fault(self, root: Path) -> str | None:
        """Return why the mutant does not fit the current code, or None if it fits."""
        path = root / self.path
        if not path.is_file():
            return f"{self.path} does not exist."
        if (count := path.read_text().count(self.old)) != 1:
            return f"Its text occurs {count} times in {self.path}; expected once."
        missing = [test for test in self.tests if not _exists(root, test)]
        return f"{missing[0]} does not exist." if missing else None

    def apply(self, root: Path) -> None:
        """Make the fault in the copy of the project at `root`."""
        path = root / self.path
        path.write_text(path.read_text().replace(self.old, self.new))


def _exists(root: Path, test: str) -> bool:
    """Return whether `path` or `path::name` is there."""
    file, _, name = test.partition("::")
    path = root / file
    if not name:
        return path.exists()
    return path.is_file() and f"def {name}(" in path.read_text()
