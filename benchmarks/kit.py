"""
Measure how long `TaskHub.run()` of the kit for tests takes for one result.

As in a `TestCase`: a database of SQLite in memory, and for each test a `TaskHub` and a
transaction that is rolled back. Each run finds the one result that is due, runs its
task, and reads that nothing else is due. Enqueueing does not count.
"""

import argparse
import os
import platform
import statistics
import sys
import time

#: Runs before the measured ones of a round: statements are compiled once per process.
_WARM_UP = 50
_AT_MOST_MS = 1.5


def main() -> None:
    """Measure, and print the median of the rounds."""
    options = _parse_options()
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "benchmarks.settings",
        "DATABASE_URL": "sqlite://:memory:",
        "TASKHUB_BROKER_URL": "database://",
        "SECRET_KEY": "for the benchmark",
    }
    _set_up()
    rounds = [_measure(options.runs) for _ in range(options.rounds)]
    import django

    told = ", ".join(f"{each:.2f}" for each in rounds)
    print(
        f"Python {platform.python_version()}, Django {django.get_version()}: "
        f"{statistics.median(rounds):.2f} ms a run (target: ≤ {_AT_MOST_MS} ms); "
        f"medians of {options.runs} runs in {options.rounds} rounds: {told}"
    )
    if options.statements:
        _print_statements()


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=350, metavar="N")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument(
        "--statements", action="store_true", help="Print the statements of one run."
    )
    return parser.parse_args()


def _set_up() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def _measure(runs: int) -> float:
    """Return the median of the milliseconds of one run, in as many tests."""
    from django.db import transaction

    from benchmarks.tasks import no_op
    from taskhub.testing import TaskHub

    taken = []
    for number in range(_WARM_UP + runs):
        with transaction.atomic():
            no_op.enqueue(number)
            begun = time.perf_counter()
            ran = TaskHub().run()
            taken.append(time.perf_counter() - begun)
            if ran.successful != 1:
                sys.exit(f"One result was to succeed, but there is {ran}.")
            transaction.set_rollback(True)
    return 1_000 * statistics.median(taken[_WARM_UP:])


def _print_statements() -> None:
    from django.db import connection, transaction
    from django.test.utils import CaptureQueriesContext

    from benchmarks.tasks import no_op
    from taskhub.testing import TaskHub

    with transaction.atomic():
        no_op.enqueue(0)
        with CaptureQueriesContext(connection) as captured:
            TaskHub().run()
        transaction.set_rollback(True)
    for query in captured.captured_queries:
        print(query["sql"])


if __name__ == "__main__":
    main()
