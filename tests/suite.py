"""
Run the whole test suite on private servers, with every database that is installed.

    python -m tests.suite [--databases=sqlite,postgres] [-- PYTEST'S ARGUMENTS]

If a server is missing, the tests that need it do not run, and the last lines say so.
With CI=true, a missing server is a failure.
"""

import argparse
import os
import subprocess
import sys
from contextlib import ExitStack

from tests.redis_servers import REDIS_GROUPS
from tests.servers import SERVERS, ServerMissing, interrupt_on_signals

DATABASES = ("postgres", "mariadb", "sqlite")
#: The tests of the browser and of Redis do not depend on the database: one database is
#: enough. The fault tests have their own servers.
ON_OTHERS = (
    *("--ignore=tests/browser", "--ignore=tests/chaos"),
    *("--brokers=database", "-m", "not any_database"),
)
#: Most tests wait for processes, so more tests than cores run at a time.
AT_A_TIME = 3 * (os.cpu_count() or 1)
CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")


def main() -> int:
    """Run the suite, and return an exit code."""
    interrupt_on_signals()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--databases", default=",".join(DATABASES))
    parser.add_argument("pytest", nargs="*", help="Arguments for pytest.")
    options = parser.parse_args()
    wanted = options.databases.split(",")
    if unknown := set(wanted) - set(DATABASES):
        parser.error(f"no database {unknown.pop()!r}; there are {', '.join(DATABASES)}")
    with ExitStack() as stack:
        urls, missing = _start_servers(stack, wanted)
        outcomes = {}
        for number, database in enumerate(wanted):
            if database == "sqlite" or f"{database.upper()}_URL" in urls:
                less = ON_OTHERS if number else ()
                outcomes[database] = _run(database, urls, [*less, *options.pytest])
    _summarise(outcomes, missing)
    failed = any(outcomes.values()) or (CI and bool(missing))
    return 1 if failed else 0


def _start_servers(
    stack: ExitStack, wanted: list[str]
) -> tuple[dict[str, str], list[str]]:
    """Start the servers that are installed; return their URLs, and the missing ones."""
    urls, missing = {}, []
    for variable, server_class in {**SERVERS, **REDIS_GROUPS}.items():
        if server_class.name in DATABASES and server_class.name not in wanted:
            continue
        try:
            urls[variable] = stack.enter_context(server_class()).url
        except ServerMissing as reason:
            missing.append(f"{server_class.name}: {reason}")
    return urls, missing


def _run(database: str, urls: dict[str, str], arguments: list[str]) -> int:
    """Run pytest on one database; return its exit code."""
    print(f"\n=== {database} ===", flush=True)
    environment = {**os.environ, **urls}
    environment.pop("DATABASE_URL", None)
    # Tests start hundreds of commands. Without bytecode, each compiles all the code.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    if database != "sqlite":
        environment["DATABASE_URL"] = urls[f"{database.upper()}_URL"]
    # Idle pytest workers take tests from busy ones: the first worker is busy with the
    # fault tests for minutes.
    pool = [f"-n{AT_A_TIME}", "--dist=worksteal"]
    command = [sys.executable, "-m", "pytest", "-q", *pool, *arguments]
    return subprocess.run(command, env=environment, check=False).returncode


def _summarise(outcomes: dict[str, int], missing: list[str]) -> None:
    print()
    for database, code in outcomes.items():
        print(f"{database:<10} {'passed' if code == 0 else 'FAILED'}")
    for reason in missing:
        verdict = "FAILED, in CI it must be there" if CI else "not run"
        print(f"{verdict}: {reason}")


if __name__ == "__main__":
    sys.exit(main())
