"""The one-way rule: who may import whom, proven from the source; and what stays free of torch."""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "netinspect"

BASE = {"records", "errors", "_utils", "version"}
ALLOWED = {
    "cli": {
        "api",
        "memory_tracker",
        "rendering",
        "reports",
        "runner",
        "settings",
        "targets",
        "trace_cache",
        *BASE,
    },
    "api": {
        "analysis",
        "checkpoints",
        "memory_tracker",
        "rendering",
        "reports",
        "runner",
        "targets",
        "trace_cache",
        *BASE,
    },
    # What has to be built of other tensors is copied to fake ones as for tracking.
    "runner": {
        "analysis",
        "checkpoints",
        "inputs",
        "memory_tracker",
        "targets",
        "trace_cache",
        "tracing",
        *BASE,
    },
    "memory_tracker": {"analysis", "inputs", "targets", "trace_cache", "tracing", *BASE},
    "trace_cache": BASE,
    "targets": {"tracing", *BASE},
    "inputs": {"analysis", "tracing", *BASE},
    "tracing": BASE,
    "checkpoints": BASE,
    "reports": {"analysis", "rendering", *BASE},
    "analysis": BASE,
    "rendering": BASE,
    "settings": BASE,
    "records": {"errors"},
    "errors": set(),
    "_utils": {"errors"},
    "version": set(),
    "__main__": {"cli"},
    # The package itself names what it offers, and imports it when it is asked for.
    "__init__": {"api", "version"},
}
"""For each package or module of the top level, which others of them it may import in any way."""

THIRD_PARTIES = {
    "torch": {"api", "inputs", "memory_tracker", "runner", "targets", "tracing"},
    "numpy": {"checkpoints", "inputs", "tracing"},
    "huggingface_hub": {"checkpoints"},
    "safetensors": {"inputs"},
    "rich": {"rendering"},
    "pygments": {"rendering"},
    "typer": {"cli"},
    # For type checkers only.
    "typing_extensions": {"_utils"},
    # In the standard library from Python 3.14 on.
    "annotationlib": {"_utils"},
}
"""Where what is not in the standard library may be imported."""


class Import(NamedTuple):
    """One import, or the name of one of our modules in a string that `importlib` is given."""

    file: str
    line: int
    module: str
    when: str
    """`start` where it runs on import, `call` inside a function, `types` for type checkers only."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


def unit(name: str) -> str:
    """The package or module of the top level that a file or dotted name belongs to."""
    parts = name.removesuffix(".py").split("/") if "/" in name or name[-3:] == ".py" else None
    if parts is None:
        parts = name.split(".")[1:] or ["__init__"]
    return parts[0]


def file_of(module: str) -> Path | None:
    """The file of one of our modules; None if there is no such module."""
    path = SOURCE.joinpath(*module.split(".")[1:])
    if (path / "__init__.py").is_file():
        return path / "__init__.py"
    return path.with_suffix(".py") if path.with_suffix(".py").is_file() else None


@functools.cache
def imports() -> list[Import]:
    return [each for file in sorted(SOURCE.rglob("*.py")) for each in imports_of(file)]


def imports_of(file: Path) -> Iterator[Import]:
    name = str(file.relative_to(SOURCE))
    tree = ast.parse(file.read_text(encoding="utf-8"))
    yield from _walk(tree, name, "start")


def _walk(node: ast.AST, file: str, when: str) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        inside = when
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            inside = "call"
        elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            inside = "types"
        elif isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(file, child.lineno, alias.name, when)
        elif isinstance(child, ast.ImportFrom):
            assert not child.level, f"{file}:{child.lineno} is a relative import"
            assert child.module is not None
            for alias in child.names:
                inner = f"{child.module}.{alias.name}"
                is_module = inner.startswith("netinspect.") and file_of(inner)
                yield Import(file, child.lineno, inner if is_module else child.module, when)
        elif (
            isinstance(child, ast.Constant)
            and isinstance(child.value, str)
            and re.fullmatch(r"netinspect(\.\w+)+", child.value)
            and file_of(child.value)
        ):
            yield Import(file, child.lineno, child.value, "call")
        yield from _walk(child, file, inside)


def own() -> list[Import]:
    return [each for each in imports() if each.module.partition(".")[0] == "netinspect"]


def foreign() -> list[Import]:
    return [
        each
        for each in imports()
        if each.module.partition(".")[0] not in {"netinspect", *sys.stdlib_module_names}
    ]


@functools.cache
def started_by(module: str) -> frozenset[str]:
    """All modules that importing one of ours runs, by names read from the source."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if "." in name:
            waiting.append(name.rpartition(".")[0])
        file = file_of(name) if name.partition(".")[0] == "netinspect" else None
        if file is not None:
            relative = str(file.relative_to(SOURCE))
            waiting += [
                each.module for each in imports() if each.file == relative and each.when == "start"
            ]
    return frozenset(seen)


def modules_below(*units: str) -> list[str]:
    names = []
    for file in sorted(SOURCE.rglob("*.py")):
        relative = file.relative_to(SOURCE)
        if unit(str(relative)) in units:
            parts = relative.with_suffix("").parts
            names.append(".".join(("netinspect", *parts)).removesuffix(".__init__"))
    return names


# --- the table -----------------------------------------------------------------------------------


def test_the_reader_of_imports_sees_all_kinds(tmp_path: Path) -> None:
    """The proof is worth as much as its reader."""
    text = (
        "from __future__ import annotations\nimport os.path, json as j\n"
        "from netinspect._utils import units\nfrom netinspect.records import base\n"
        "from netinspect.errors import UsageError\n"
        "if TYPE_CHECKING:\n    import torch\nelse:\n    import rich\n"
        "def f():\n    import typer\n    class C:\n        from torch import nn\n"
        "try:\n    import numpy\nexcept ImportError:\n    pass\n"
        "VIEWS = {'a': 'netinspect.reports.tree.layout', 'b': 'netinspect.nothing'}\n"
    )
    found = [(each.module, each.when) for each in _walk(ast.parse(text), "x.py", "start")]
    assert found == [
        ("__future__", "start"),
        ("os.path", "start"),
        ("json", "start"),
        ("netinspect._utils.units", "start"),
        ("netinspect.records.base", "start"),
        ("netinspect.errors", "start"),
        ("torch", "types"),
        ("rich", "types"),
        ("typer", "call"),
        ("torch", "call"),
        ("numpy", "start"),
        ("netinspect.reports.tree.layout", "call"),
    ]


def test_the_table_knows_every_package() -> None:
    units = {unit(str(file.relative_to(SOURCE))) for file in SOURCE.rglob("*.py")}
    assert units == set(ALLOWED)


def test_imports_go_one_way() -> None:
    wrong = [
        str(each)
        for each in own()
        if unit(each.module) != unit(each.file)
        and unit(each.module) not in ALLOWED[unit(each.file)]
        # `import netinspect` alone runs nothing but the version.
        and each.module != "netinspect"
    ]
    assert wrong == []


def test_the_table_has_no_cycle() -> None:
    waiting = {name: set(targets) for name, targets in ALLOWED.items()}
    while waiting:
        free = {name for name, targets in waiting.items() if not targets & set(waiting)}
        assert free, f"there is a cycle among {sorted(waiting)}"
        waiting = {name: targets for name, targets in waiting.items() if name not in free}


def test_no_import_leads_back_to_itself() -> None:
    """Within a package too, modules that import each other depend on who comes first."""
    graph: dict[str, set[str]] = {}
    for name in modules_below(*ALLOWED):
        file = file_of(name)
        assert file is not None
        relative = str(file.relative_to(SOURCE))
        graph[name] = {
            each.module
            for each in imports()
            if each.file == relative and each.when == "start" and each.module != name
        }
    waiting = {name: targets & set(graph) for name, targets in graph.items()}
    while waiting:
        free = {name for name, targets in waiting.items() if not targets & set(waiting)}
        assert free, f"there is a cycle among {sorted(waiting)}"
        waiting = {name: targets for name, targets in waiting.items() if name not in free}


def test_records_need_nothing_but_the_standard_library() -> None:
    assert [str(each) for each in foreign() if unit(each.file) == "records"] == []


def test_third_parties_stay_where_they_belong() -> None:
    wrong = [
        str(each)
        for each in foreign()
        if unit(each.file) not in THIRD_PARTIES.get(each.module.partition(".")[0], set())
    ]
    assert wrong == []


def test_third_parties_are_declared() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    declared = set(re.findall(r'"([a-z_]+)>=', text.partition("\ntest = [")[0]))
    # Pygments comes with Rich; safetensors is asked for where a file of its kind is read.
    assert (
        set(THIRD_PARTIES) - {"pygments", "safetensors", "typing_extensions", "annotationlib"}
        <= declared
    )


def test_nothing_imports_the_command_line_but_the_entry() -> None:
    importers = {each.file for each in own() if unit(each.module) == "cli" and unit(each.file) != "cli"}
    assert importers == {"__main__.py"}


def test_the_api_imports_torch_only_when_called() -> None:
    torch = [each for each in imports() if unit(each.file) == "api" and each.module.startswith("torch")]
    assert torch
    assert {each.when for each in torch} <= {"call", "types"}


@pytest.mark.parametrize(
    "module",
    [
        "netinspect",
        *modules_below(
            "_utils",
            "analysis",
            "api",
            "cli",
            "records",
            "rendering",
            "reports",
            "settings",
            "trace_cache",
        ),
        "netinspect.runner.loading",
        "netinspect.runner.cached_traces",
        "netinspect.runner.stored_files",
        "netinspect.targets.target",
        "netinspect.targets.samples",
        "netinspect.inputs.spec",
        "netinspect.inputs.request",
        "netinspect.memory_tracker.prepare",
        "netinspect.memory_tracker.parent",
        "netinspect.memory_tracker.child",
    ],
)
def test_importing_it_imports_no_torch(module: str) -> None:
    started = started_by(module)
    assert "torch" not in started
    # Nor what would bring it along.
    assert not {name for name in started if unit(name) == "tracing" and name.startswith("netinspect.")}


def test_the_closure_of_imports_is_followed() -> None:
    assert "torch" in started_by("netinspect.inputs.choose")
    assert "torch" in started_by("netinspect.targets.model_factory")
    assert "netinspect.errors" in started_by("netinspect.records.saved")
    assert "netinspect.records" in started_by("netinspect.records.saved")


@pytest.mark.parametrize("file", sorted(SOURCE.rglob("*.py")), ids=lambda file: file.name)
def test_a_module_is_no_longer_than_one_can_read(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 400


# --- the same, in a running process --------------------------------------------------------------
