"""Write the measured values into docs/explanation/faults.md."""

from collections.abc import Mapping
from pathlib import Path

from tests.chaos.report import SCENARIOS, Report

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "faults.md"
BEGIN, END = "<!-- measured -->\n", "<!-- /measured -->\n"


def write_page(reports: Mapping[str, Report]) -> None:
    """Replace the rows of the scenarios that ran, and keep the others."""
    before, _begin, rest = PAGE.read_text().partition(BEGIN)
    old, _end, after = rest.partition(END)
    lines = {
        line.split("|")[1].strip().strip("`"): line
        for line in old.splitlines()
        if line.startswith("| `")
    }
    lines |= {name: _line(name, report) for name, report in reports.items()}
    table = [
        "| scenario | required | measured | met |",
        "|---|---|---|---|",
        *(lines[name] for name in SCENARIOS if name in lines),
    ]
    PAGE.write_text(before + BEGIN + "\n".join(table) + "\n" + END + after)


def _line(name: str, report: Report) -> str:
    required = SCENARIOS[name].required
    verdict = "; ".join(report.complaints) or "yes"
    return f"| `{name}` | {required} | {report.measured} | {verdict} |"
