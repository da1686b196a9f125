"""Write the measured figures into docs/explanation/performance.md."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.plot import draw
from benchmarks.report import Figure, Measured, Series, tell

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "explanation" / "performance.md"
PLOT = DOCS / "images" / "performance.svg"
_FIGURES, _GROWTH = "figures", "growth"


def table(measured: Iterable[Measured]) -> str:
    """Return a table of all figures, and a table of all series."""
    figures = [each for each in measured if isinstance(each, Figure)]
    lines = [each for each in measured if isinstance(each, Series)]
    return "\n\n".join(filter(None, (_table_of(figures), _growth_of(lines))))


def _table_of(figures: Sequence[Figure]) -> str:
    if not figures:
        return ""
    return "\n".join(
        ["| what | target | measured |", "|---|---|---|", *map(_row, figures)]
    )


def _row(figure: Figure) -> str:
    measured = figure.told
    if not figure.is_reached:
        measured = f"{measured}: **missed**"
    return f"| {figure.name} | {figure.target} | {measured} |"


def _growth_of(lines: Sequence[Series]) -> str:
    if not lines:
        return ""
    rows = [
        f"| {line.name} | "
        + ", ".join(f"{tell(x)}: {tell(y)}" for x, y in line.points)
        + " |"
        for line in lines
    ]
    return "\n".join(["| what | measured |", "|---|---|", *rows])


def write_page(machine: str, measured: Sequence[Measured]) -> None:
    """Replace the rows of the figures that were measured, and keep the others."""
    figures = [each for each in measured if isinstance(each, Figure)]
    lines = [each for each in measured if isinstance(each, Series)]
    text = PAGE.read_text()
    if figures:
        text = _replace_rows(text, _FIGURES, machine, list(map(_row, figures)))
    if lines:
        text = _replace_rows(text, _GROWTH, machine, _growth_of(lines).splitlines()[2:])
        draw(lines, PLOT)
    PAGE.write_text(text)


def _replace_rows(text: str, name: str, machine: str, rows: Sequence[str]) -> str:
    """Replace the rows that have the same names, and append new rows."""
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, _begin, rest = text.partition(begin)
    old, _end, after = rest.partition(end)
    head, rule, *body = [line for line in old.splitlines() if line.startswith("|")]
    by_name = {_name_of(line): line for line in body}
    by_name |= {_name_of(line): line for line in rows}
    lines = [f"On {machine}:", "", head, rule, *by_name.values()]
    return before + begin + "\n".join(lines) + "\n" + end + after


def _name_of(row: str) -> str:
    return row.split("|")[1].strip()
