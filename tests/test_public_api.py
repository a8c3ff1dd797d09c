"""What a program sees of netinspect."""

from __future__ import annotations

import inspect
from html.parser import HTMLParser
from typing import Any

import pytest
import torch
from models.lenet import LeNet
from torch import Tensor, nn

import netinspect
from netinspect.errors import LoadError
from netinspect.render.formats import Format

VIEWS = {
    "summary": netinspect.summary,
    "params": netinspect.params,
    "trace": netinspect.trace,
    "tree": netinspect.tree,
    "source": netinspect.source,
    "internals": netinspect.internals,
}


def test_every_exported_name_is_there() -> None:
    assert netinspect.__all__ == ["__version__", *sorted(netinspect.__all__[1:])]
    for name in netinspect.__all__:
        assert getattr(netinspect, name) is not None
    assert set(netinspect.__all__) <= set(dir(netinspect))
    with pytest.raises(AttributeError, match="no attribute 'sumary'"):
        _ = netinspect.sumary


def test_every_command_is_a_function_of_that_name() -> None:
    from netinspect.cli.app import COMMANDS

    assert set(COMMANDS) == {*VIEWS, "models"}
    assert all(callable(getattr(netinspect, name)) for name in COMMANDS)


@pytest.mark.parametrize("name", sorted(set(netinspect.__all__) - {"__version__"}))
def test_public_names_are_documented(name: str) -> None:
    found = getattr(netinspect, name)
    assert inspect.getdoc(found)
    if inspect.isfunction(found) and inspect.signature(found).parameters and name != "save":
        assert "Args:" in (found.__doc__ or "")


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_shows_itself_everywhere(name: str) -> None:
    view: Any = VIEWS[name](LeNet())  # type: ignore[operator]
    assert str(view) == repr(view)
    assert "LeNet" in str(view)
    for format in Format:
        assert view.text(format.value)
    bundle = view._repr_mimebundle_()
    assert bundle["text/plain"] == str(view)
    check_html(bundle["text/html"])


def check_html(text: str) -> None:
    """Whether every element that is opened is closed, in order."""
    opened: list[str] = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: Any) -> None:
            opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

    Parser().feed(text)
    assert opened == []
    assert "\x1b" not in text


def test_hostile_names_do_not_reach_the_page() -> None:
    model = nn.Sequential()
    model.add_module("<script>alert(1)</script>\x1b[31m", nn.Linear(2, 2))
    html = netinspect.tree(model)._repr_mimebundle_()["text/html"]
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    check_html(html)


def test_one_look_gives_any_number_of_views() -> None:
    trace = netinspect.capture(LeNet(), torch.randn(10, 1, 28, 28))
    assert repr(trace) == "<Trace of LeNet: 6 modules, 19 steps>"
    assert netinspect.summary(trace, ops=True).record.totals.parameters == 44_426
    assert netinspect.load(trace) is trace
    assert len(netinspect.trace(trace).record.rows) == 13


def test_capture_takes_what_forward_takes() -> None:
    class Net(nn.Module):
        def forward(self, x: Tensor, *, scale: Tensor, path: str = "") -> Tensor:
            return x * scale

    trace = netinspect.capture(Net(), torch.ones(2, 3), scale=torch.ones(3), path="kept for forward")
    assert trace.failure is None
    assert [entry.name for entry in trace.inputs] == ["x", "scale", "path"]


def test_a_failing_forward_is_a_finding_not_an_exception() -> None:
    trace = netinspect.capture(LeNet(), torch.randn(10, 1, 32, 32))
    assert trace.failure is not None
    assert trace.failure.module == "fc1"
    assert "FAILED" in str(netinspect.trace(trace))


def test_what_is_no_model_is_told() -> None:
    with pytest.raises(LoadError, match="cannot look at a int"):
        netinspect.summary(3)  # type: ignore[arg-type]
    with pytest.raises(LoadError) as caught:
        netinspect.summary(LeNet)  # type: ignore[arg-type]
    assert caught.value.hint == "build it first: LeNet()"


def test_a_saved_look_is_the_same_look(tmp_path: Any) -> None:
    trace = netinspect.load("tiny_gpt", everything=True, stats=True, values=True, grad=True)
    netinspect.save(trace, tmp_path / "look.json")
    assert netinspect.load(tmp_path / "look.json") == trace
