"""The one-way rule, read off every import; and what must not be imported before it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import netinspect

PACKAGE = Path(netinspect.__file__).parent
FILES = sorted(
    path for path in PACKAGE.rglob("*.py") if "models" not in path.relative_to(PACKAGE).parts[:1]
)

BASE = {"errors", "exits", "units", "version", "files"}
MAY_IMPORT = {
    "records": BASE | {"records"},
    "config": BASE | {"records", "config"},
    "observe": BASE | {"records", "observe"},
    "inputs": BASE | {"records", "observe", "inputs"},
    "sources": BASE | {"records", "observe", "sources"},
    "analyze": BASE | {"records", "analyze"},
    "render": BASE | {"records", "render"},
    "api": BASE | {"records", "observe", "inputs", "sources", "analyze", "render", "config"},
    "cli": BASE
    | {"records", "observe", "inputs", "sources", "analyze", "render", "config", "api", "cli"},
    **dict.fromkeys(BASE, BASE),
    "__init__": BASE | {"api", "records"},
    "__main__": {"cli"},
}
LIBRARIES = {
    "torch": {"observe", "inputs", "sources", "api"},
    "numpy": {"observe"},
    "rich": {"render"},
    "pygments": {"render"},
    "typer": {"cli"},
}
"""Who may import a library; all others may not."""

WITHOUT_TORCH = {"inputs/spec.py", "inputs/request.py", "sources/target.py", "sources/samples.py"}


def folder(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Every imported module, and whether it is imported only for types."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node in for_types
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "imports are absolute"
            if node.module == "netinspect":
                for alias in node.names:
                    yield f"netinspect.{alias.name}", node in for_types
            else:
                yield node.module, node in for_types


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    here = folder(path)
    for name, _ in imports(path):
        parts = name.split(".")
        if parts[0] == "netinspect" and len(parts) > 1:
            assert parts[1] in MAY_IMPORT[here], f"{here} may not import {name}"
        elif parts[0] in LIBRARIES:
            assert here in LIBRARIES[parts[0]], f"{here} may not import {name}"


@pytest.mark.parametrize("name", sorted(WITHOUT_TORCH))
def test_what_is_read_without_a_model_needs_no_torch(name: str) -> None:
    found = {module.split(".")[0] for module, _ in imports(PACKAGE / name)}
    assert "torch" not in found
    assert not any(module.startswith("netinspect.observe") for module, _ in imports(PACKAGE / name))


def test_the_api_names_torch_only_for_types_or_inside_functions() -> None:
    tree = ast.parse((PACKAGE / "api.py").read_text(encoding="utf-8"))
    top = [ast.unparse(node) for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert not any("torch" in line or "observe" in line for line in top)


def test_modules_do_one_job() -> None:
    lengths = {
        str(path.relative_to(PACKAGE)): len(path.read_text(encoding="utf-8").splitlines())
        for path in FILES
    }
    assert {name: length for name, length in lengths.items() if length > 400} == {}


WATCH = """
import os, sys
os.environ.update({environment!r})
from netinspect.cli.run import run
code = run({words!r})
print("loaded:", sorted({{"torch", "rich", "pygments", "numpy", "pydantic"}} & set(sys.modules)), code)
"""


def loaded(*words: str, **environment: str) -> str:
    """Which heavy packages a command has loaded, and its exit code."""
    completed = subprocess.run(
        [sys.executable, "-c", WATCH.format(words=list(words), environment=environment)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return completed.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["trace", "--help"], ["nonsense"]])
def test_nothing_heavy_for_help(words: list[str]) -> None:
    assert loaded(*words).startswith("loaded: [] ")


def test_no_torch_for_samples_and_saved_traces(tmp_path: Path) -> None:
    saved = tmp_path / "lenet.json"
    netinspect.save(netinspect.load("lenet", everything=True), saved)
    for words in (
        ["models"],
        ["summary", str(saved), "--format", "rich"],
        ["params", str(saved)],
        ["trace", str(saved), "--format", "json"],
        ["tree", str(saved), "--format", "markdown"],
        ["source", str(saved), "--format", "rich"],
        ["internals", str(saved), "conv1"],
    ):
        line = loaded(*words)
        assert "torch" not in line
        assert "numpy" not in line
        assert line.endswith(" 0")


def test_importing_the_package_loads_nothing() -> None:
    code = "import sys, netinspect; print({'torch', 'rich', 'typer', 'numpy'} & set(sys.modules))"
    completed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert completed.stdout.strip() == "set()"
