"""Draw a small chart for each series, all in one SVG."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import Series


def draw(lines: Sequence[Series], path: Path) -> None:
    """Write the charts to a file."""
    import matplotlib as mpl
    from matplotlib.figure import Figure as Drawing

    mpl.rcParams["svg.hashsalt"] = "taskhub"
    drawing = Drawing(figsize=(9, 2.6 * ((len(lines) + 1) // 2)), layout="constrained")
    charts = drawing.subplots((len(lines) + 1) // 2, 2, squeeze=False).flat
    for chart, line in zip(charts, lines, strict=False):
        xs, ys = zip(*line.points, strict=True)
        chart.plot(xs, ys, marker="o", color="#417690")
        chart.set(xlabel=line.x_name, ylabel="finished a second", ylim=(0, None))
        if max(xs) > 20 * min(xs):
            chart.set_xscale("log")
        chart.grid(alpha=0.3)
    for chart in list(charts):
        chart.set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    drawing.savefig(path, metadata={"Date": None})
