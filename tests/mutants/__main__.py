"""
Make deliberate faults in taskhub one at a time, and check that a test notices each.

    python -m tests.mutants [--mutants=fence-ignores-worker,…] [--list]

Each mutant is made in a copy of the project. The tests that must notice it run there on
private servers. Before that, the same tests run on the unchanged code, because a test
that fails without the mutant proves nothing. Returns 1 if a mutant survived, and 2 if a
mutant does not fit the current code or a server is missing.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import Mutant
from tests.options import add_choice
from tests.redis_servers import REDIS_GROUPS
from tests.servers import SERVERS, ServerMissing, interrupt_on_signals

ROOT = Path(__file__).resolve().parents[2]
#: The files and directories that a copy of the project needs for its tests.
COPIED = ("manage.py", "pyproject.toml", "project", "taskhub", "templates", "tests")
#: How long the tests of a mutant may take; then the mutant counts as noticed.
MAX_SECONDS = 600
#: The exit code of pytest if all tests passed.
PASSED = 0
#: The output of pytest if tests failed. If pytest cannot import the tests, its output
#: is another one: the mutant is not valid code, and it proves nothing.
_SAYS_FAILED = re.compile(r"^\d+ failed|^FAILED ", re.MULTILINE)
SURVIVED, UNFIT = 1, 2


def main() -> int:
    """Run the chosen mutants, print a table, and return an exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [mutant.name for mutant in MUTANTS]
    add_choice(parser, "--mutants", names)
    parser.add_argument("--list", action="store_true", help="Name them, and end.")
    options = parser.parse_args()
    if options.list:
        print("\n".join(names))
        return PASSED
    wanted = options.mutants or names
    chosen = [mutant for mutant in MUTANTS if mutant.name in wanted]
    if unfit := [(each.name, fault) for each in chosen if (fault := each.fault(ROOT))]:
        print("\n".join(f"{name}: {fault}" for name, fault in unfit))
        return UNFIT
    interrupt_on_signals()
    try:
        with ExitStack() as stack:
            return _run_all(chosen, _start_servers(stack))
    except ServerMissing as reason:
        print(f"Not run: {reason}")
        return UNFIT


def _start_servers(stack: ExitStack) -> dict[str, str]:
    classes = {**SERVERS, **REDIS_GROUPS}
    return {
        variable: stack.enter_context(server_class()).url
        for variable, server_class in classes.items()
    }


def _run_all(chosen: Sequence[Mutant], urls: dict[str, str]) -> int:
    for database in sorted({mutant.database for mutant in chosen}):
        mutants = [each for each in chosen if each.database == database]
        tests = _tests_of(mutants)
        code, output = _run_tests(ROOT, tests, database, urls)
        if code != PASSED:
            print(output)
            print(f"The tests on {database} fail without any mutant; mend that first.")
            return UNFIT
    survivors = [mutant for mutant in chosen if not _is_noticed(mutant, urls)]
    print(f"\n{len(chosen) - len(survivors)} of {len(chosen)} mutants were noticed.")
    for mutant in survivors:
        print(f"SURVIVED: {mutant.name} ({mutant.path})")
    return SURVIVED if survivors else PASSED


def _tests_of(mutants: Iterable[Mutant]) -> list[str]:
    return sorted({test for mutant in mutants for test in mutant.tests})


def _is_noticed(mutant: Mutant, urls: dict[str, str]) -> bool:
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="taskhub-mutant-") as folder:
        root = Path(folder)
        _copy_project(root)
        mutant.apply(root)
        code, output = _run_tests(root, mutant.tests, mutant.database, urls)
    noticed = code is None or (code != PASSED and bool(_SAYS_FAILED.search(output)))
    verdict = "noticed" if noticed else "SURVIVED"
    if code is not None and code != PASSED and not noticed:
        print(output)
    seconds = time.monotonic() - begun
    print(f"{mutant.name:<50} {verdict:<12} {seconds:6.1f} s", flush=True)
    return noticed


def _copy_project(root: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", "var")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, root / name, ignore=ignored)
        else:
            shutil.copy(source, root / name)


def _run_tests(
    root: Path, tests: Iterable[str], database: str, urls: dict[str, str]
) -> tuple[int | None, str]:
    """Run tests in a copy of the project; return the exit code, or None if it hung."""
    environment = {**os.environ, **urls, "PYTHONPATH": str(root)}
    environment.pop("DATABASE_URL", None)
    if database != "sqlite":
        environment["DATABASE_URL"] = urls[f"{database.upper()}_URL"]
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-x", "-n4", "--dist=worksteal"),
        *("-p", "no:cacheprovider", *tests),
    ]
    # Use a file, since processes that a test left behind would keep a pipe open.
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(
            command,
            cwd=root,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        code = _wait_for(process)
        output.seek(0)
        return code, output.read()


def _wait_for(process: "subprocess.Popen[bytes]") -> int | None:
    try:
        return process.wait(MAX_SECONDS)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, 9)
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
