"""
Draw docs/images/architecture.svg from the layers that import-linter checks.

    python docs/draw_architecture.py

The picture has a row for each layer in `pyproject.toml`, the highest layer first. The
numbers on the packages show the way of one task.
"""

import tomllib
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "architecture.svg"

#: The packages that one task passes, in order.
WAY = (
    ("backend", "a view enqueues a task"),
    ("producer", "the row is inserted in the caller's transaction"),
    ("outbox", "the message is pushed after the commit"),
    ("brokers", "the message waits in its queue"),
    ("worker", "a worker process reserves it"),
    ("execution", "the task's function runs"),
    ("writer", "the outcome is written, then acknowledged"),
    ("models", "the TaskResult row shows the outcome"),
)

#: In pixels, at the natural size of the picture.
_WIDTH, _MARGIN = 880, 16
_ROW_HEIGHT, _BOX_HEIGHT, _GAP = 46, 34, 10
_STYLE = """
  text { font: 14px system-ui, sans-serif; fill: #1f2933; }
  .box { fill: #eef3f7; stroke: #9fb3c8; }
  .way { fill: #d9f0e3; stroke: #3f9b6c; }
  .step { fill: #26734a; }
  .number { fill: #ffffff; font-size: 12px; font-weight: 600; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e4ebf1; }
    .box { fill: #243240; stroke: #52667a; }
    .way { fill: #1d4232; stroke: #58b98a; }
    .step { fill: #58b98a; }
    .number { fill: #10241b; }
  }
"""


def read_layers() -> list[list[str]]:
    """Return the names on each layer of `taskhub`, the highest layer first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(
        each["layers"] for each in contracts if each.get("containers") == ["taskhub"]
    )
    return [[name.strip("() ") for name in layer.split("|")] for layer in layers]


def draw(layers: list[list[str]]) -> str:
    """Return the picture as SVG."""
    steps = {name: number for number, (name, _text) in enumerate(WAY, 1)}
    if unknown := steps.keys() - {name for layer in layers for name in layer}:
        raise SystemExit(f"No layer has {', '.join(sorted(unknown))}.")
    parts = [
        _box(name, steps.get(name), x, _MARGIN + row * _ROW_HEIGHT, width)
        for row, layer in enumerate(layers)
        for name, x, width in _places(layer)
    ]
    top = _MARGIN * 2 + len(layers) * _ROW_HEIGHT
    parts += [
        _step(number, _MARGIN + 12 + (number - 1) % 2 * (_WIDTH // 2), y)
        + f'<text x="{_MARGIN + 32 + (number - 1) % 2 * (_WIDTH // 2)}" y="{y + 5}">'
        + f"{escape(text)}</text>"
        for number, (_name, text) in enumerate(WAY, 1)
        for y in [top + (number - 1) // 2 * 28]
    ]
    height = top + (len(WAY) + 1) // 2 * 28
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        'role="img" aria-label="The packages of taskhub by layer, and the way of one '
        f'task through them">\n<style>{_STYLE}</style>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _places(layer: list[str]) -> list[tuple[str, int, int]]:
    """Return the name, the left edge and the width of each box of a layer."""
    width = (_WIDTH - 2 * _MARGIN - (len(layer) - 1) * _GAP) // len(layer)
    return [
        (name, _MARGIN + index * (width + _GAP), width)
        for index, name in enumerate(layer)
    ]


def _box(name: str, step: int | None, x: int, y: int, width: int) -> str:
    kind = "box" if step is None else "way"
    box = (
        f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{_BOX_HEIGHT}" '
        'rx="5"/>'
        f'<text x="{x + width // 2}" y="{y + 22}" text-anchor="middle">{name}</text>'
    )
    return box if step is None else box + _step(step, x + 20, y + _BOX_HEIGHT // 2)


def _step(number: int, x: int, y: int) -> str:
    return (
        f'<circle class="step" cx="{x}" cy="{y}" r="10"/>'
        f'<text class="number" x="{x}" y="{y + 4}" text-anchor="middle">{number}</text>'
    )


if __name__ == "__main__":
    PICTURE.write_text(draw(read_layers()))
