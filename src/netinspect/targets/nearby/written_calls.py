"""Calls of a class or function in the files of its project, with the arguments that reading shows."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from netinspect._utils.evaluation.config_files import ConfigError, read_config
from netinspect._utils.evaluation.docstring_code import docstring_code
from netinspect._utils.evaluation.expressions import BudgetExceeded
from netinspect._utils.evaluation.interpreter import Interpreter
from netinspect._utils.evaluation.settings import Settings
from netinspect._utils.evaluation.source_files import LARGEST_FILE, SourceFiles
from netinspect._utils.evaluation.values import (
    UNKNOWN,
    ClassValue,
    FunctionValue,
    InstanceValue,
    ModuleValue,
    Scope,
)
from netinspect.targets.nearby.project import ProjectFiles, tier

_STEPS = 25_000
"""Most steps of one script."""

_ALL_STEPS = 250_000
_MOST_SCRIPTS = 24
_MOST_CONFIGS = 4
_MOST_CALLS = 200

_ARGUMENTS = frozenset(
    [
        "args",
        "arg",
        "opt",
        "opts",
        "options",
        "flags",
        "cfg",
        "config",
        "conf",
        "hparams",
        "hparam",
        "hps",
        "h",
        "params",
        "settings",
    ]
)
"""Usual names of the parsed command line, and of a configuration."""


@dataclass(frozen=True, slots=True)
class WrittenCall:
    """One call in a file."""

    args: list[Any]
    kwargs: dict[str, Any]
    file: str
    line: int
    rank: int
    """Rank as evidence, less is better: the rank of the script that reaches the call; see `tier`."""

    config: str | None = None
    """Configuration file that the script was evaluated with, since it does not name an existing one."""

    docstring: bool = False
    """True if it is an example in the docstring."""


class CallReader(Interpreter):
    """Reader of the calls of one class or function.

    Args:
        project: Files of the project.
        own: File that defines the class or function.
        name: Its name.
    """

    def __init__(self, project: ProjectFiles, own: str, name: str) -> None:
        folder = os.path.dirname(own)
        if project.package is not None:
            files = SourceFiles((os.path.dirname(project.root),), only=project.package)
        else:
            files = SourceFiles(tuple(dict.fromkeys((project.root, folder, os.path.dirname(folder)))))
        super().__init__(files, 0)
        self._project, self._own, self._target = project, own, name
        self._total = _ALL_STEPS
        self._config: str | None = None
        self._in_docstring = False
        self._rank = 0
        self.calls: list[WrittenCall] = []

    def is_target(self, called: Any) -> bool:
        """Return whether a value is the class or function."""
        return (
            isinstance(called, (ClassValue, FunctionValue))
            and called.name == self._target
            and os.path.realpath(called.scope.file) == self._own
        )

    def enters(self, cls: ClassValue) -> bool:
        """Return whether the constructor of a class is evaluated."""
        return not self.is_target(cls)

    def observe(
        self, called: Any, args: list[Any], kwargs: dict[str, Any], node: ast.Call, file: str
    ) -> None:
        """Collect a call of the class or function."""
        if self.is_target(called) and len(self.calls) < _MOST_CALLS:
            file = os.path.realpath(file)
            call = WrittenCall(
                args, kwargs, file, node.lineno, self._rank, self._config, docstring=self._in_docstring
            )
            if not any(_same(call, each) for each in self.calls):
                self.calls.append(call)

    def own_module(self) -> ModuleValue | None:
        """Return the module that defines the class or function."""
        found: list[ModuleValue | None] = []
        self._attempt(lambda: found.append(self.run_file(self._own)))
        return found[0] if found else None

    def construct(self, cls: ClassValue) -> Any:
        """Return an instance of a class of the project that is made without arguments."""
        found: list[Any] = []
        self._attempt(lambda: found.append(self.instantiate(cls, [], {}, cls.node.lineno)))
        return found[0] if found else UNKNOWN

    def read(self) -> list[WrittenCall]:
        """Return all calls that are found, in the order of their files."""
        scripts = [path for path in self._project.scripts if self._mentions(path)]
        # The scripts that build a model may name it in another file only.
        others = [
            path
            for path in self._project.scripts
            if path not in scripts and tier(path, self._own, self._project.root) == 1
        ]
        self._read_docstring()
        for path in [*scripts, *others][:_MOST_SCRIPTS]:
            self._rank = 2 * tier(path, self._own, self._project.root)
            self._read_script(path)
        for path in scripts[:_MOST_SCRIPTS]:
            # Their arguments are less certain, in the model's own file too.
            self._rank = 2 * max(tier(path, self._own, self._project.root), 1) + 1
            self._attempt(lambda path=path: self._call_unreached(path))
        return self.calls

    def _mentions(self, path: str) -> bool:
        try:
            with open(path, "rb") as file:
                return re.search(rb"\b%s\b" % self._target.encode(), file.read(LARGEST_FILE)) is not None
        except OSError:
            return False

    def _read_script(self, path: str) -> None:
        before, missing = len(self.calls), self.missing_files
        self._attempt(lambda: self.run_file(path, as_script=True))
        new = self.calls[before:]
        if self.missing_files == missing or not new:
            return
        # The script reads a configuration that its user chooses.
        for config in self._project.configs[:_MOST_CONFIGS]:
            try:
                self.substitute = read_config(config)
            except ConfigError:
                continue
            self._config = config
            self._attempt(lambda: self.run_file(path, as_script=True))
        self.substitute = self._config = None

    def _attempt(self, evaluate: Any) -> None:
        """Evaluate something within the budget; a failure means that nothing was found."""
        self._left = min(_STEPS, self._total)
        given = self._left
        try:
            evaluate()
        except (BudgetExceeded, RecursionError):
            pass
        except Exception:  # the code that is read may be anything; reading it must not fail the command
            pass
        finally:
            self._total -= given - max(self._left, 0)
            self._depth = 0
            self._active.clear()

    def _read_docstring(self) -> None:
        tree = self._files.parse(self._own)
        module = self.own_module()
        if tree is None or module is None:
            return
        self._in_docstring = True
        for code in docstring_code(tree, self._target):
            scope = Scope(self._own, dict(module.scope.names))
            self._attempt(lambda code=code, scope=scope: self.run(code.body, scope))
        self._in_docstring = False

    def _call_unreached(self, path: str) -> None:
        """Evaluate the functions of a file that nothing calls, such as the callbacks of a framework."""
        module = self.run_file(path)
        if module is None:
            return
        for function in _functions(module):
            node = function.node
            if id(node) in self.reached or not _names(node, self._target):
                continue
            first = [InstanceValue(function.owner, [], {})] if function.owner is not None else []
            self.call_function(function, list(first), {})

    def missing_argument(self, function: FunctionValue, name: str) -> Any:
        """Return the value of an argument that a call does not have: that of the command line."""
        own = [parser for file, parser in self.parsers if file == function.scope.file]
        parsers = own or [parser for _, parser in self.parsers]
        if not parsers:
            return UNKNOWN
        if name in _ARGUMENTS:
            return Settings(parsers[-1].defaults)
        return next(
            (each.defaults[name] for each in reversed(parsers) if name in each.defaults), UNKNOWN
        )


def _functions(module: ModuleValue) -> Iterator[FunctionValue]:
    for value in list(module.scope.names.values()):
        if isinstance(value, FunctionValue) and value.scope is module.scope:
            yield value
        elif isinstance(value, ClassValue) and value.scope is module.scope:
            yield from (each for each in value.attributes.values() if isinstance(each, FunctionValue))


def _names(node: ast.AST, name: str) -> bool:
    return any(
        (isinstance(each, ast.Name) and each.id == name)
        or (isinstance(each, ast.Attribute) and each.attr == name)
        for each in ast.walk(node)
    )


def _same(one: WrittenCall, two: WrittenCall) -> bool:
    return (one.file, one.line, one.config) == (two.file, two.line, two.config) and repr(
        (one.args, one.kwargs)
    ) == repr((two.args, two.kwargs))
