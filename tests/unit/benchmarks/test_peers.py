"""The comparison with other task queues: choosing rows, and the table of results."""

import re
import struct
import sys
from pathlib import Path

import pytest

from benchmarks.peers import environments, tally
from benchmarks.peers.rounds import Measured
from benchmarks.peers.rows import ROWS, Row, choose
from benchmarks.peers.table import in_markdown, percentile, summarise

PEERS = Path(environments.__file__).parent
BASE = Row("taskhub", "redis", "taskhub, Redis broker", "PostgreSQL")
OTHER = Row("other", "plain", "Other", "Redis")


def shown(finished: float, starts: list[float] | None = None) -> dict:
    return {
        "tasks": 100,
        "seconds": 100 / finished,
        "finished": finished,
        "enqueued": 2 * finished,
        "starts": starts or [],
    }


def test_a_peer_name_chooses_all_its_rows_and_a_row_name_one_row():
    assert {row.variant for row in choose(["celery"])} == {
        *("plain", "tuned", "without results")
    }
    assert [row.name for row in choose(["huey", "celery-tuned"])] == [
        *("celery-tuned", "huey-redis")
    ]
    assert choose([]) == list(ROWS)


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="No peer 'selery'; there are celery"):
        choose(["selery"])


def test_every_peer_pins_its_requirements():
    for peer in {row.peer for row in ROWS} - {"taskhub"}:
        lines = (PEERS / f"{peer}.txt").read_text().split()
        assert lines
        assert all(re.fullmatch(r"[a-z0-9-]+(\[[a-z]+\])?==[\d.]+", x) for x in lines)


def test_figures_are_medians_and_ratios_compare_with_taskhub():
    base = Measured(BASE, [shown(3_000), shown(5_000), shown(4_000)])
    other = Measured(OTHER, [shown(900), shown(1_000), shown(1_100)])
    records = summarise([other, base])
    assert [record["finished_per_second"] for record in records] == [1_000, 4_000]
    assert [record["ratio"] for record in records] == [0.25, 1]
    assert records[0]["enqueued_per_second"] == 2_000


def test_start_times_of_all_rounds_are_combined():
    measured = Measured(BASE, [shown(1, [0.001, 0.002]), shown(1, [0.003])])
    [record] = summarise([measured])
    assert record["start_p50_ms"] == pytest.approx(2)
    assert all("starts" not in each for each in record["rounds"])


def test_there_are_no_ratios_without_figures_of_taskhub():
    failed = Measured(BASE, failure="cannot be installed: no such release")
    records = summarise([failed, Measured(OTHER, [shown(900)])])
    assert all("ratio" not in record for record in records)


def test_the_table_has_a_line_for_each_row_and_for_each_failure():
    measured = [
        Measured(BASE, [shown(4_000, [0.0021] * 9)]),
        Measured(OTHER, failure="failed: stuck at 3 of 500"),
    ]
    lines = in_markdown(summarise(measured)).splitlines()
    assert lines[2:] == [
        "| taskhub, Redis broker | PostgreSQL | 4,000 | 1.00 | 8,000 | 2.1 / 2.1 |",
        "",
        "other-plain: failed: stuck at 3 of 500",
    ]


def test_a_percentile_of_one_value_is_unknown():
    assert percentile([1.0], 99) is None
    assert percentile([1.0, 3.0], 50) == 2


def test_runs_of_all_processes_are_added_up(tmp_path, monkeypatch):
    monkeypatch.setenv("PEERS_TALLY", str(tmp_path))
    (tmp_path / "11.page").write_bytes(struct.pack("dQ", 20.5, 3))
    (tmp_path / "12.page").write_bytes(struct.pack("dQ", 20.25, 4))
    (tmp_path / "13.page").write_bytes(b"")
    assert tally.runs() == 7
    assert tally.first_start() == 20.25


def test_a_failed_installation_reports_the_last_line_of_its_output():
    program = "raise SystemExit('Collecting.\\nNo such release.')"
    with pytest.raises(environments.NotInstalled, match=r"^No such release\.$"):
        environments.run_installer(sys.executable, "-c", program)
