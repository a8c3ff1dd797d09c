"""Tests of the import rules, and of modules that must not import torch."""

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

BASE = {"records", "errors", "advice", "_utils", "version"}
ALLOWED = {
    # Other people's tools and habits, built on the public functions.
    "integrations": {"api", "rendering", "reports", *BASE},
    # A name of torchinfo's, under which its users import the integration.
    "torchinfo": {"integrations"},
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
        "settings",
        "targets",
        "trace_cache",
        *BASE,
    },
    # Tensors that wrap others are copied to fake ones as for tracking.
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
    "tracing": {"quantiles", *BASE},
    "checkpoints": {"quantiles", *BASE},
    "quantiles": {"records"},
    "reports": {"analysis", "rendering", *BASE},
    "analysis": BASE,
    # The rows of a picture are computed next to the record.
    "rendering": {"analysis", *BASE},
    "settings": BASE,
    "records": {"_utils", "errors"},
    "errors": {"advice"},
    "advice": set(),
    "_utils": {"errors"},
    "version": set(),
    "__main__": {"cli"},
    # The package imports its public names on demand.
    "__init__": {"api", "integrations", "version"},
}
"""For each top-level package or module, the others that it may import in any way."""

THIRD_PARTIES = {
    "torch": {"api", "inputs", "integrations", "memory_tracker", "runner", "targets", "tracing"},
    "numpy": {"checkpoints", "inputs", "quantiles", "tracing"},
    "huggingface_hub": {"checkpoints"},
    "safetensors": {"inputs"},
    "msgspec": {"records"},
    "rich": {"rendering"},
    "pygments": {"rendering"},
    "resvg_py": {"rendering"},
    "typer": {"cli"},
    # In a shell of IPython only.
    "IPython": {"integrations"},
    # For type checkers only.
    "typing_extensions": {"_utils"},
    # In the standard library from Python 3.14 on.
    "annotationlib": {"_utils"},
}
"""Third-party packages, and the places where they may be imported."""


class Import(NamedTuple):
    """One import, or the name of one of our modules in a string for `importlib`."""

    file: str
    line: int
    module: str
    when: str
    """`start` where it runs on import, `call` inside a function, `types` for type checkers only."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.module}"


def unit(name: str) -> str:
    """Return the top-level package or module of a file or dotted name."""
    parts = name.removesuffix(".py").split("/") if "/" in name or name[-3:] == ".py" else None
    if parts is None:
        parts = name.split(".")[1:] or ["__init__"]
    return parts[0]


def file_of(module: str) -> Path | None:
    """Return the file of one of our modules; None if it does not exist."""
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
    """Return all modules that importing one of ours runs, read from the source."""
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


def test_imports_in_reads_every_form_of_import(tmp_path: Path) -> None:
    """Check the parser that the other tests rely on."""
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


def test_import_table_has_every_package() -> None:
    units = {unit(str(file.relative_to(SOURCE))) for file in SOURCE.rglob("*.py")}
    assert units == set(ALLOWED)


def test_imports_follow_table() -> None:
    wrong = [
        str(each)
        for each in own()
        if unit(each.module) != unit(each.file)
        and unit(each.module) not in ALLOWED[unit(each.file)]
        # `import netinspect` alone imports only the version.
        and each.module != "netinspect"
    ]
    assert wrong == []


def test_design_page_has_the_import_table() -> None:
    text = (ROOT / "docs" / "explanation" / "design.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)(?:/|\.py)` \|[^|]*\| ([^|]*) \| ([^|]*) \|$", text, re.MULTILINE)
    names = {name: {*re.findall(r"`(\w+)`", allowed)} for name, allowed, _ in rows}
    base = {"errors", "advice", "_utils", "version", "__main__", "__init__"}
    assert names == {name: allowed - BASE for name, allowed in ALLOWED.items() if name not in base}
    for name, _, packages in rows:
        expected = {package for package, units in THIRD_PARTIES.items() if name in units}
        assert {*re.findall(r"`(\w+)`", packages)} == expected, name


def test_import_table_has_no_cycle() -> None:
    waiting = {name: set(targets) for name, targets in ALLOWED.items()}
    while waiting:
        free = {name for name, targets in waiting.items() if not targets & set(waiting)}
        assert free, f"there is a cycle among {sorted(waiting)}"
        waiting = {name: targets for name, targets in waiting.items() if name not in free}


def test_module_imports_have_no_cycle() -> None:
    """Modules that import each other depend on the order of imports, also within a package."""
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


def test_records_import_only_standard_library_and_msgspec() -> None:
    found = [each for each in foreign() if unit(each.file) == "records"]
    assert [str(each) for each in found if each.module != "msgspec"] == []


def test_third_party_packages_are_imported_only_where_allowed() -> None:
    wrong = [
        str(each)
        for each in foreign()
        if unit(each.file) not in THIRD_PARTIES.get(each.module.partition(".")[0], set())
    ]
    assert wrong == []


def test_third_party_packages_are_declared() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.findall(r'"([a-z_-]+)>=', text.partition("\ntest = [")[0])
    declared = {name.replace("-", "_") for name in found}
    # Pygments comes with Rich; safetensors is asked for where a file of its kind is read.
    assert (
        set(THIRD_PARTIES) - {"pygments", "safetensors", "IPython", "typing_extensions", "annotationlib"}
        <= declared
    )


def test_only_entry_point_imports_cli() -> None:
    importers = {each.file for each in own() if unit(each.module) == "cli" and unit(each.file) != "cli"}
    assert importers == {"__main__.py"}


def test_api_imports_torch_only_when_called() -> None:
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
def test_module_imports_no_torch(module: str) -> None:
    started = started_by(module)
    assert "torch" not in started
    # Nor what would bring it along.
    assert not {name for name in started if unit(name) == "tracing" and name.startswith("netinspect.")}


def test_import_closure_is_transitive() -> None:
    assert "torch" in started_by("netinspect.inputs.choose")
    assert "torch" in started_by("netinspect.targets.model_factory")
    assert "netinspect.errors" in started_by("netinspect.records.saved")
    assert "netinspect.records" in started_by("netinspect.records.saved")


@pytest.mark.parametrize("file", sorted(SOURCE.rglob("*.py")), ids=lambda file: file.name)
def test_module_has_at_most_maximum_length(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 400


# --- the same, in a running process --------------------------------------------------------------
