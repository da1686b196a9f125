"""
One round of one peer, run by the interpreter of that peer.

1. Prepare its tables.
2. Enqueue some tasks one by one, and measure the time; enqueue the rest in bulk.
3. Start the workers; the clock runs from the first start to the moment the last outcome
   can be read.
4. While the workers are idle, enqueue single tasks that record how late they start.
5. Stop the workers, and write the report.
"""

import argparse
import importlib.util
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers import tally
from benchmarks.peers.peer import ROOT, Peer

#: How many tasks are enqueued one by one to measure their rate.
_ONE_BY_ONE = 1_000
_LOOK_SECONDS = 0.01
#: A round without progress for this time has failed.
_STUCK_SECONDS = 60.0
_SETTLE_SECONDS = 1.0
_STOP_SECONDS = 10.0


def main() -> None:
    """Run the round, and write JSON to the report."""
    options = _parse_options()
    # Beside the report, so that it is removed even if this process is killed.
    with tempfile.TemporaryDirectory(dir=options.report.parent) as directory:
        os.environ |= {
            "PEERS_TALLY": directory,
            "PEERS_VARIANT": options.variant,
            # Programs that the peers install look for the tasks here.
            "PYTHONPATH": str(ROOT),
        }
        package = f"benchmarks.peers.{options.peer}"
        if importlib.util.find_spec(f"{package}.settings"):
            os.environ["DJANGO_SETTINGS_MODULE"] = f"{package}.settings"
        peer = importlib.import_module(f"{package}.peer").peer
        measured = _run(peer, options)
    options.report.write_text(json.dumps(measured))


def _parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("peer")
    parser.add_argument("variant")
    parser.add_argument("--tasks", type=int, required=True)
    parser.add_argument("--starts", type=int, required=True)
    parser.add_argument("--report", type=Path, required=True)
    return parser.parse_args()


def _run(peer: Peer, options: argparse.Namespace) -> dict[str, object]:
    peer.prepare()
    enqueued = _enqueue(peer, options.tasks)
    with _working(peer) as check:
        _wait(peer.finished, options.tasks, check)
        seen = time.time()
        seconds = seen - tally.first_start()
        starts = _measure_starts(peer, options.starts, check)
    return {
        "tasks": options.tasks,
        "seconds": seconds,
        "finished": options.tasks / seconds,
        "enqueued": enqueued,
        "starts": starts,
    }


def _enqueue(peer: Peer, tasks: int) -> float:
    one_by_one = min(_ONE_BY_ONE, tasks)
    # The first call connects, and is not measured.
    peer.enqueue(0)
    begun = time.perf_counter()
    for number in range(1, one_by_one):
        peer.enqueue(number)
    enqueued = (one_by_one - 1) / (time.perf_counter() - begun)
    peer.enqueue_many(tasks - one_by_one)
    return enqueued


@contextmanager
def _working(peer: Peer) -> Iterator[Callable[[], None]]:
    """Run the workers; yield a function that raises if one of them has ended."""
    workers = [subprocess.Popen(command, cwd=ROOT) for command in peer.workers()]

    def check() -> None:
        for worker in workers:
            if worker.poll() is not None:
                raise SystemExit(f"a worker ended with {worker.returncode}")

    try:
        yield check
    finally:
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        for worker in workers:
            _end(worker)


def _end(worker: subprocess.Popen[bytes]) -> None:
    try:
        worker.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        # Its children are in this process group, which is killed after the round.
        worker.kill()
        worker.wait()


def _wait(count: Callable[[], int], enough: int, check: Callable[[], None]) -> None:
    """Wait until there are enough. Raise if no more come, or if a worker has ended."""
    last, changed = -1, time.monotonic()
    while (now := count()) < enough:
        check()
        if now != last:
            last, changed = now, time.monotonic()
        elif time.monotonic() - changed > _STUCK_SECONDS:
            raise SystemExit(f"stuck at {now} of {enough}")
        time.sleep(_LOOK_SECONDS)


def _measure_starts(peer: Peer, count: int, check: Callable[[], None]) -> list[float]:
    time.sleep(_SETTLE_SECONDS)
    due = time.monotonic()
    for _ in range(count):
        peer.enqueue_start(time.time())
        due += 0.05
        time.sleep(max(0.0, due - time.monotonic()))
    _wait(lambda: len(tally.starts()), count, check)
    return tally.starts()


if __name__ == "__main__":
    main()
