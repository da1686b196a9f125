"""How much CPU and memory an idle node uses."""

import time
from collections.abc import Iterable

from benchmarks.report import Figure, measure
from benchmarks.stage import Stage


@measure
def idle(stage: Stage) -> Iterable[Figure]:
    """Measure CPU and memory of all processes of a node with two worker processes."""
    from benchmarks.tasks import no_op

    seconds = stage.pick(30, 5)
    shares, sizes = [], []
    stage.clear()
    bare = "--settings=benchmarks.bare_settings"
    with stage.node("--processes=2", bare) as node:
        for number in range(100):
            no_op.enqueue(number).get(timeout=60)
        for _ in range(stage.rounds):
            before = node.cpu_seconds()
            time.sleep(seconds)
            shares.append((node.cpu_seconds() - before) / seconds * 100)
            sizes.append(node.pss_mib())
    yield Figure(
        name="idle node, 2 processes: CPU",
        unit="% of a core",
        rounds=shares,
        at_most=0.3,
    )
    yield Figure(
        name="idle node, 2 processes: memory (PSS)",
        unit="MiB",
        rounds=sizes,
        at_most=65,
    )
