"""The uses of Celery in the syntax tree of one module."""

import ast
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from taskhub.interop.celery_check.findings import Finding, Verdict
from taskhub.interop.celery_check.words import (
    APP_SETTINGS,
    CALLS,
    CONTROL,
    HERE,
    MOVES,
    OTHER_PACKAGES,
    RANDOM_MODULES,
    RANDOM_SCHEDULE,
    REFUSED_METHODS,
    REFUSED_NAMES,
    Assessment,
    assess_call_option,
    assess_name,
    assess_setting,
    assess_task_option,
    setting_of,
)

_CALL_ARGUMENTS = {"args", "kwargs"}
_PICKLE = Assessment(Verdict.HAND, "Arguments are JSON: pass the keys of objects.")
#: The name to which a line assigns an app.
_APP = re.compile(r"^(\w+) *(?::[^=\n]+)?= *(?:\w+\.)*Celery\(", re.MULTILINE)

#: The names of the apps that modules create, by the last part of the module's name.
Apps = Mapping[str, Collection[str]]


def find_apps(path: Path) -> set[str]:
    """Return the names to which a module assigns `Celery(…)`."""
    return set(_APP.findall(path.read_text()))


def read_module(path: Path, shown: str, apps: Apps) -> "ModuleReader":
    """
    Read the uses of Celery in a file. `shown` is its path in the findings.

    Raise SyntaxError or ValueError if it is not valid Python.
    """
    reader = ModuleReader(shown, apps)
    reader.visit(ast.parse(path.read_bytes()))
    return reader


class ModuleReader(ast.NodeVisitor):
    """Collects the uses of Celery in one module."""

    def __init__(self, path: str, apps: Apps) -> None:
        self._path = path
        self._apps_of_modules = apps
        self.findings: list[Finding] = []
        self.tasks = 0
        #: What Celery's names are called in this module.
        self._names: dict[str, str] = {}
        #: The names of apps, and of modules of Celery, in this module.
        self._apps: set[str] = set()
        #: The names of modules that draw random numbers, and of their functions.
        self._random: set[str] = set()

    def _note(self, node: ast.AST, what: str, assessment: Assessment) -> None:
        line = getattr(node, "lineno", 0)
        self.findings.append(Finding(self._path, line, what, *assessment))

    # Imports.

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            package = alias.name.partition(".")[0]
            if package == "celery":
                self._apps.add(alias.asname or "celery")
                self._note(node, f"import {alias.name}", MOVES)
            elif package in OTHER_PACKAGES:
                assessment = Assessment(Verdict.HAND, OTHER_PACKAGES[package])
                self._note(node, f"import {alias.name}", assessment)
            elif package in RANDOM_MODULES:
                self._random.add(alias.asname or package)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        package = module.partition(".")[0]
        for alias in node.names:
            if f"{module}.".startswith(f"{HERE}."):
                # A module that has moved may still have what is written by hand.
                self._names[alias.asname or alias.name] = alias.name
            elif package == "celery" and not node.level:
                self._names[alias.asname or alias.name] = alias.name
                assessment = assess_name(module, alias.name)
                self._note(node, f"from {module} import {alias.name}", assessment)
            elif package in OTHER_PACKAGES and not node.level:
                assessment = Assessment(Verdict.HAND, OTHER_PACKAGES[package])
                self._note(node, f"from {module} import {alias.name}", assessment)
            elif module in RANDOM_MODULES and not node.level:
                self._random.add(alias.asname or alias.name)
            elif self._is_app(module, alias.name):
                self._apps.add(alias.asname or alias.name)

    def _is_app(self, module: str, name: str) -> bool:
        """Whether a name of one of the project's modules is its app."""
        return name in self._apps_of_modules.get(module.rpartition(".")[2], ())

    # Tasks.

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._read_decorators(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        if self._read_decorators(node):
            self._note(node, "async def task", MOVES)

    def _read_decorators(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        """Note the options of a task; return whether the function is one."""
        is_task = False
        for decorator in node.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            if self._makes_task(call.func if call else decorator):
                is_task = True
                self.tasks += 1
                self._note(node, "task", MOVES)
                for keyword in call.keywords if call else ():
                    self._read_task_option(keyword)
        self.generic_visit(node)
        return is_task

    def _makes_task(self, function: ast.expr) -> bool:
        if isinstance(function, ast.Name):
            return self._names.get(function.id) == "shared_task"
        return (
            isinstance(function, ast.Attribute)
            and function.attr in ("task", "shared_task")
            and isinstance(function.value, ast.Name)
            and function.value.id in self._apps
        )

    def _read_task_option(self, keyword: ast.keyword) -> None:
        if keyword.arg is None:
            return
        assessment = assess_task_option(keyword.arg)
        if keyword.arg == "serializer" and _is_text(keyword.value, "pickle"):
            assessment = _PICKLE
        self._note(keyword.value, f"{keyword.arg}= of a task", assessment)

    # Calls.

    def visit_Call(self, node: ast.Call) -> None:
        function = node.func
        if isinstance(function, ast.Name):
            self._read_name_call(node, self._names.get(function.id, ""))
        elif isinstance(function, ast.Attribute):
            self._read_method(node, function)
        self.generic_visit(node)

    def _read_name_call(self, node: ast.Call, name: str) -> None:
        if name in REFUSED_NAMES:
            self._note(node, f"{name}()", REFUSED_NAMES[name])
        elif name in ("crontab", "schedule") and self._is_random(node):
            self._note(node, f"{name}() of random numbers", RANDOM_SCHEDULE)

    def _is_random(self, call: ast.Call) -> bool:
        return any(
            isinstance(each, ast.Name) and each.id in self._random
            for each in ast.walk(call)
        )

    def _read_method(self, node: ast.Call, function: ast.Attribute) -> None:
        owner = function.value
        if isinstance(owner, ast.Name) and owner.id in self._apps:
            self._read_app_method(node, function.attr)
        elif isinstance(owner, ast.Attribute):
            self._read_part_of_app(node, owner.attr, function)
        if function.attr in REFUSED_METHODS and _makes_signature(owner):
            assessment = REFUSED_METHODS[function.attr]
            self._note(node, f".{function.attr}()", assessment)
        if function.attr in CALLS:
            self._note(node, f".{function.attr}()", MOVES)
            if function.attr.startswith("apply_async"):
                for keyword in node.keywords:
                    self._read_call_option(keyword)

    def _read_app_method(self, node: ast.Call, name: str) -> None:
        self._read_name_call(node, name)
        if name in ("send_task", "add_periodic_task"):
            self._note(node, f"app.{name}()", MOVES)

    def _read_part_of_app(
        self, node: ast.Call, part: str, function: ast.Attribute
    ) -> None:
        if part == "conf":
            self._read_conf_update(function, node)
        elif part == "control" and function.attr in CONTROL:
            assessment = CONTROL[function.attr]
            self._note(node, f"app.control.{function.attr}()", assessment)

    def _read_call_option(self, keyword: ast.keyword) -> None:
        if keyword.arg is None or keyword.arg in _CALL_ARGUMENTS:
            return
        self._note(
            keyword.value,
            f"{keyword.arg}= of apply_async()",
            assess_call_option(keyword.arg),
        )

    def visit_BinOp(self, node: ast.BinOp) -> None:
        sides = (node.left, node.right)
        if isinstance(node.op, ast.BitOr) and any(map(_makes_signature, sides)):
            self._note(node.right, "a | b", REFUSED_NAMES["chain"])
        self.generic_visit(node)

    # Settings.

    def visit_Assign(self, node: ast.Assign) -> None:
        self._read_assignment(node.targets, node.value)
        self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._read_assignment([node.target], node.value)
        self.generic_visit(node)

    def _read_assignment(self, targets: list[ast.expr], value: ast.expr) -> None:
        if isinstance(value, ast.Call) and _called(value) == "Celery":
            self._apps |= set(_names_of(targets))
            self._read_app(value)
        for target in targets:
            self._read_setting(target, value)

    def _read_app(self, call: ast.Call) -> None:
        """Note the settings that a call of Celery() has."""
        for keyword in call.keywords:
            if name := APP_SETTINGS.get(keyword.arg or ""):
                what = f"{keyword.arg}= of Celery()"
                self._note_setting(keyword.value, what, name, keyword.value)

    def _read_setting(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            if setting_of(target.id) is not None:
                self._note_setting(target, target.id, target.id, value)
        elif (
            isinstance(target, ast.Attribute)
            and isinstance(target.value, ast.Attribute)
            and target.value.attr == "conf"
        ):
            self._note_setting(target, f"app.conf.{target.attr}", target.attr, value)

    def _read_conf_update(self, function: ast.Attribute, node: ast.Call) -> None:
        if function.attr == "update":
            for keyword in node.keywords:
                if keyword.arg:
                    what = f"app.conf.{keyword.arg}"
                    self._note_setting(keyword.value, what, keyword.arg, keyword.value)

    def _note_setting(
        self, node: ast.expr, what: str, name: str, value: ast.expr
    ) -> None:
        name = setting_of(name) or name.lower()
        assessment = assess_setting(name)
        if name.endswith("_serializer") and _is_text(value, "pickle"):
            assessment = _PICKLE
        self._note(node, what, assessment)


def _names_of(targets: list[ast.expr]) -> Iterator[str]:
    for target in targets:
        if isinstance(target, ast.Name):
            yield target.id


def _called(value: ast.expr) -> str:
    """Return the last name of what an expression calls; "" if it is no call."""
    function = value.func if isinstance(value, ast.Call) else None
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _makes_signature(value: ast.expr) -> bool:
    return _called(value) in ("s", "si", "signature", "subtask", "group")


def _is_text(value: ast.expr, text: str) -> bool:
    return isinstance(value, ast.Constant) and value.value == text
