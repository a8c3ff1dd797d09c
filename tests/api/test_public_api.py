"""Tests of the public Python API."""

from __future__ import annotations

import csv
import dataclasses
import importlib
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from models.lenet import LeNet
from torch import Tensor, nn

import netinspect
from netinspect.errors import LoadError, UsageError
from netinspect.rendering.document import Table
from netinspect.rendering.formats import COMMON_FORMATS, Format
from netinspect.reports.render import lay_out
from tests.rendering.html_reader import HtmlReader
from tests.support import TABLE_COMMANDS

PUBLIC: list[str] = importlib.import_module("netinspect").__all__
VIEWS = {name: getattr(netinspect, name) for name in TABLE_COMMANDS if name != "diff"}


def test_all_names_exist() -> None:
    assert PUBLIC[0] == "__version__"
    assert sorted(PUBLIC[1:]) == PUBLIC[1:]
    for name in PUBLIC:
        assert getattr(netinspect, name) is not None
    assert set(PUBLIC) <= set(dir(netinspect))
    with pytest.raises(AttributeError, match="no attribute 'sumary'"):
        _ = netinspect.sumary  # type: ignore[attr-defined]


def test_star_import() -> None:
    names: dict[str, Any] = {}
    exec("from netinspect import *", names)
    assert set(names) - {"__builtins__"} == set(PUBLIC)


def test_type_checkers_see_public_names(tmp_path: Path) -> None:
    """A type checker reads the imports for it; `dir` and `__all__` are computed."""
    names = sorted(set(PUBLIC) - {"__version__"})
    (tmp_path / "use.py").write_text(
        "import netinspect\nimport netinspect.api\n"
        + "".join(f"reveal_type(netinspect.{name})\nnetinspect.api.{name}\n" for name in names)
        + "netinspect.COMMANDS\n",
        encoding="utf-8",
    )
    completed = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--config-file=",
            "--follow-imports=silent",
            "use.py",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    errors = [line for line in completed.stdout.splitlines() if "error:" in line]
    assert len(errors) == 1, completed.stdout
    assert '"COMMANDS"' in errors[0]
    assert completed.stdout.count("Revealed type") == len(names)


def test_submodules_do_not_shadow_public_names() -> None:
    """Importing a submodule sets it as an attribute of the package."""
    parts = {path.stem for path in Path(netinspect.__file__).parent.iterdir()}
    assert not parts & set(PUBLIC)


LAZY = """
import sys, netinspect
heavy = {"torch", "rich", "typer", "numpy", "pydantic", "netinspect.api", "netinspect.records"}
print(sorted(heavy & set(sys.modules)))
dir(netinspect), netinspect.__version__, netinspect.UsageError
print(sorted(heavy & set(sys.modules)))
netinspect.summary, netinspect.View, netinspect.Trace
print(sorted(heavy & set(sys.modules)))
print(netinspect.models())
print("torch" in sys.modules)
"""


def test_import_is_lazy() -> None:
    completed = subprocess.run([sys.executable, "-c", LAZY], capture_output=True, text=True, check=True)
    first, second, third, *shown, last = completed.stdout.splitlines()
    assert (first, second) == ("[]", "['netinspect.api']")
    assert third == "['netinspect.api', 'netinspect.records']"
    assert any(line.startswith("lenet ") for line in shown)
    assert last == "False"


def test_every_command_has_a_function() -> None:
    from netinspect.api.command_names import COMMANDS

    assert set(COMMANDS) == {*VIEWS, "models", "cache", "config", "doctor", "diff", "globals", "page"}
    # `globals` is Python's own, and nothing of that name is to be taken over from a module.
    functions = {name: {"globals": "pickle_globals"}.get(name, name) for name in COMMANDS}
    assert all(callable(getattr(netinspect, function)) for function in functions.values())


@pytest.mark.parametrize("name", sorted(set(PUBLIC) - {"__version__"}))
def test_public_names_have_docstrings(name: str) -> None:
    found = getattr(netinspect, name)
    assert inspect.getdoc(found)
    found = inspect.unwrap(found)  # without the options that several functions share
    if inspect.isfunction(found) and inspect.signature(found).parameters and name != "save":
        _, _, section = (inspect.getdoc(found) or "").partition("Args:\n")
        described = set(re.findall(r"^    (\w+): ", section.partition("\n\n")[0], re.MULTILINE))
        assert described == set(inspect.signature(found).parameters)


@pytest.mark.parametrize("name", VIEWS)
def test_view_representations(name: str) -> None:
    view: Any = VIEWS[name](LeNet())
    assert str(view) == repr(view)
    assert "LeNet" in str(view)
    formats = COMMON_FORMATS if name != "graph" else [each for each in Format if each is not Format.PNG]
    for format in formats:
        assert view.text(format.value)
        assert view.text(format.value).endswith("\n")
        assert "\x1b" not in view.text(format.value)
    assert json.loads(view.text("json"))["schema"] == f"netinspect-{name}"
    assert view.text("markdown").startswith("### LeNet")
    assert {len(row) for row in csv.reader(view.text("csv").partition("\n\n")[0].splitlines())} != {0}
    bundle = view._repr_mimebundle_(include=None, exclude=None)
    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/plain"] == str(view)
    assert bundle["text/html"] == view._repr_html_()
    if name == "graph":
        assert bundle["text/html"].startswith('<img alt="graph of LeNet" ')
        return
    shown = HtmlReader(bundle["text/html"])
    laid_out = lay_out(view.record)
    for line in (laid_out.title, *laid_out.notes):
        assert "".join(span.text for span in line) in shown.text
    bodies = [
        row for table in laid_out.filled_blocks if isinstance(table, Table) for row in table.shown_rows
    ]
    assert len(bodies) <= len(shown.rows)


def test_view_is_frozen_and_comparable() -> None:
    view = netinspect.tree(LeNet())
    assert view == netinspect.tree(LeNet())
    assert view != netinspect.tree(LeNet(), depth=0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        view.record = view.record  # type: ignore[misc]


def test_view_text_width() -> None:
    view = netinspect.summary(LeNet(), torch.zeros(1, 1, 28, 28))
    assert max(map(len, view.text(width=40).splitlines())) <= 40
    assert max(map(len, view.text().splitlines())) > 40
    # Machine formats are never cut.
    assert view.text("csv", width=20) == view.text("csv")
    assert view.text("markdown", width=20) == view.text("markdown")


def test_view_text_is_the_same_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    view = netinspect.summary(LeNet(), torch.zeros(1, 1, 28, 28))
    monkeypatch.setenv("COLUMNS", "50")
    text = str(view)
    assert f"{view}" == repr(view) == text
    assert max(map(len, text.partition("\nshare:")[0].splitlines())) <= 80
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert f"{view}" == str(view) == text
    assert repr(view) == view.text(width=50).rstrip("\n") != text
    monkeypatch.setattr("sys.stdout", None)
    assert f"{view}" == str(view) == repr(view) == text


def test_view_html_escapes_hostile_names() -> None:
    model = nn.Sequential()
    model.add_module("<script>alert(1)</script>\x1b[31m", nn.Linear(2, 2))
    model.add_module('"><img src=x onerror=alert(1)>&amp;\u202e', nn.ReLU())
    trace = netinspect.capture(model, torch.zeros(1, 2))
    for name in ("summary", "params", "trace", "tree", "internals"):
        view: Any = VIEWS[name](trace)
        html = view._repr_html_()
        text = HtmlReader(html).text
        assert "<script" not in html
        assert "<img" not in html
        assert "\u202e" not in html
        if name in ("summary", "tree", "trace"):
            assert "&lt;script&gt;alert(1)&lt;/script&gt;\\x1b[31m" in html
            assert "<img src=x onerror=alert(1)>&amp;\\u202e" in text


def test_views_of_one_trace() -> None:
    trace = netinspect.capture(LeNet(), torch.randn(10, 1, 28, 28))
    assert repr(trace) == "<Trace of LeNet: 6 modules, 19 steps>"
    assert netinspect.summary(trace, functions=True).record.totals.parameters == 44_426
    assert netinspect.load(trace) is trace
    assert len(netinspect.trace(trace).record.rows) == 13


def test_capture_passes_arguments() -> None:
    class Net(nn.Module):
        def forward(self, x: Tensor, *, scale: Tensor, path: str = "") -> Tensor:
            return x * scale

    trace = netinspect.capture(Net(), torch.ones(2, 3), scale=torch.ones(3), path="kept for forward")
    assert trace.failure is None
    assert [entry.name for entry in trace.inputs] == ["x", "scale", "path"]


def test_capture_of_failing_forward() -> None:
    trace = netinspect.capture(LeNet(), torch.randn(10, 1, 32, 32))
    assert trace.failure is not None
    assert trace.failure.module == "fc1"
    assert "FAILED" in str(netinspect.trace(trace))


def test_load_refuses_other_objects() -> None:
    with pytest.raises(LoadError, match="cannot inspect int"):
        netinspect.summary(3)  # type: ignore[call-overload]
    with pytest.raises(LoadError) as caught:
        netinspect.summary(LeNet)  # type: ignore[call-overload]
    assert caught.value.hint == "build it first: LeNet()"


def test_save_and_load_round_trip(tmp_path: Any) -> None:
    trace = netinspect.load("tiny_gpt", everything=True, stats=True, values=True, backward=True)
    netinspect.save(trace, tmp_path / "saved.json")
    assert netinspect.load(tmp_path / "saved.json") == trace


@pytest.mark.parametrize("seed", [-1, 2**63, 2**70])
def test_load_refuses_seed_out_of_range(seed: int) -> None:
    with pytest.raises(UsageError, match="out of range"):
        netinspect.load("lenet", seed=seed)
