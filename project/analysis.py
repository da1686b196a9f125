"""Analyse Python files, with plain functions that do not depend on tasks."""

import ast
import os
import sysconfig
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

#: Folders that are not a part of the standard library.
_EXCLUDED_FOLDERS = {"site-packages", "dist-packages", "__pycache__"}

Report = dict[str, Any]


def library_root() -> Path:
    """Return the folder of the standard library of this interpreter."""
    return Path(sysconfig.get_path("stdlib"))


def find_modules() -> list[str]:
    """Return the paths of all modules, relative to the root of the library."""
    root = library_root()
    paths = []
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = [name for name in subfolders if name not in _EXCLUDED_FOLDERS]
        modules = (name for name in files if name.endswith(".py"))
        paths += [str(Path(folder, name).relative_to(root)) for name in modules]
    return sorted(paths)


def analyse(path: str) -> Report:
    """
    Report on one module: counts of its contents, and its longest function.

    Some modules cannot be parsed, because they test the parser. Their report contains
    `"parses": False`.
    """
    source = (library_root() / path).read_bytes()
    report: Report = {"path": path, "lines": source.count(b"\n"), "parses": True}
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return report | {"parses": False}
    nodes = list(ast.walk(tree))
    functions = [
        node
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    longest = max(functions, key=_length, default=None)
    return report | {
        "functions": len(functions),
        "classes": sum(isinstance(node, ast.ClassDef) for node in nodes),
        "imports": sorted(set(_imports(nodes))),
        "longest": longest and {"name": longest.name, "lines": _length(longest)},
    }


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def _imports(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the names of the top-level packages that are imported."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def summarise(reports: Iterable[Report]) -> Report:
    """Combine the reports of modules into one report."""
    reports = list(reports)
    parsed = [report for report in reports if report["parses"]]
    imported = Counter(name for report in parsed for name in report["imports"])
    longest = sorted(
        (
            {"path": report["path"], **report["longest"]}
            for report in parsed
            if report["longest"]
        ),
        key=lambda entry: -entry["lines"],
    )
    return {
        "modules": len(reports),
        "unparsed": len(reports) - len(parsed),
        "lines": sum(report["lines"] for report in reports),
        "functions": sum(report["functions"] for report in parsed),
        "classes": sum(report["classes"] for report in parsed),
        "longest": longest[:10],
        "imported": imported.most_common(10),
    }
