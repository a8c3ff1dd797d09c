"""Tests of what views write: to terminals, loggers and files; columns, and attributes of a summary."""

from __future__ import annotations

import dataclasses
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from models.lenet import LeNet
from torch import Tensor, nn

import netinspect
from netinspect.records.base import replace
from netinspect.records.work import Cost
from tests.support import Outcome

LONG = "a_module_with_a_name_that_is_much_longer_than_usual_in_any_network"

SCRIPT = """
import io, logging, sys
import netinspect
view = netinspect.summary("lenet")
with open("written.txt", "w") as file:
    file.write(str(view))
with open("formatted.txt", "w") as file:
    file.write(f"{view}")
with open("printed.txt", "w") as file:
    print(view, file=file, end="")
logging.basicConfig(filename="logged.txt", format="%(message)s")
logging.warning("%s", view)
with open("repr.txt", "w") as file:
    file.write(repr(view))
print(view)
"""


def test_text_is_whole_in_files_and_loggers_of_a_narrow_terminal(tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": "40"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], stdout=follower, cwd=tmp_path, env=environment, check=False
    )
    os.close(follower)
    shown = os.read(leader, 100_000).decode().replace("\r\n", "\n").rstrip("\n")
    os.close(leader)
    assert done.returncode == 0
    whole = str(netinspect.summary("lenet"))
    names = ("written", "formatted", "printed", "logged")
    assert [(tmp_path / f"{name}.txt").read_text().rstrip("\n") for name in names] == [whole] * 4
    assert shown == whole
    assert max(map(len, whole.partition("\nshare:")[0].splitlines())) <= 80
    fitted = (tmp_path / "repr.txt").read_text()
    assert max(map(len, fitted.splitlines())) <= 40


def test_text_in_a_process_with_an_ascii_stdout() -> None:
    code = (
        "import netinspect, torch\n"
        "model = torch.nn.Sequential()\nmodel.add_module('é', torch.nn.Linear(3, 2))\n"
        "view = netinspect.summary(model)\nprint(view)\nprint(f'{view}' == repr(view))\n"
        "assert '├' in view.text() or '└' in view.text()\n"
    )
    variables = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=variables, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert "`- \\xe9" in done.stdout
    assert done.stdout.endswith("True\n")


def test_text_has_all_rows_and_whole_names() -> None:
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(40)))
    model.add_module(LONG, nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 5)))
    text = str(netinspect.summary(model, input_size=(1, 2), fold=False))
    assert LONG in text
    assert "…" not in text
    assert len([line for line in text.splitlines() if "Linear" in line]) == 42


@pytest.mark.parametrize("suffix", ["html", "svg", "md", "csv", "tsv", "json", "tex", "txt", "log"])
def test_save_writes_the_bytes_of_the_command_line(
    suffix: str, tmp_path: Path, cli: Callable[..., Outcome]
) -> None:
    ours, theirs = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    columns = "path,params"
    options = [] if suffix == "json" else ["--columns", columns]
    netinspect.summary("lenet", columns=columns).save(ours)
    assert cli("summary", "lenet", *options, "-o", str(theirs)).code == 0
    assert ours.read_bytes() == theirs.read_bytes()


def test_save_with_format_and_width(tmp_path: Path) -> None:
    view = netinspect.summary("lenet")
    view.save(tmp_path / "a.data", "markdown", exact=True)
    assert (tmp_path / "a.data").read_text() == view.text("markdown", exact=True)
    view.save(str(tmp_path / "a.txt"), width=50)
    assert (tmp_path / "a.txt").read_text() == view.text(width=50)


def test_save_refuses_an_unknown_suffix(tmp_path: Path) -> None:
    with pytest.raises(netinspect.UsageError, match="its suffix is unknown") as raised:
        netinspect.summary("lenet").save(tmp_path / "a.docx")
    assert "choose one with format, or end the name in .json .csv" in str(raised.value)
    assert not [*tmp_path.iterdir()]


def test_save_leaves_the_old_file_if_it_fails(tmp_path: Path) -> None:
    import safetensors.torch

    file = tmp_path / "net.safetensors"
    safetensors.torch.save_file({"a": torch.ones(3)}, file)
    before = file.read_bytes()
    with pytest.raises(netinspect.UsageError, match="it is the target"):
        netinspect.summary(file).save(file, "json")
    with pytest.raises(netinspect.UsageError, match="cannot write"):
        netinspect.summary(file).save(tmp_path / "missing" / "a.html")
    assert file.read_bytes() == before
    assert [*tmp_path.iterdir()] == [file]


def test_columns_in_every_format() -> None:
    view = netinspect.summary(LeNet(), columns=["params", "path"])
    assert str(view).splitlines()[1].split() == ["params", "path"]
    assert view.text("csv").splitlines()[0] == "params,path"
    assert view._repr_html_().count('<th scope="col"') == 2
    assert view.text("json")
    assert netinspect.params(LeNet(), columns="name,shape").text("csv").startswith("name,shape")
    assert netinspect.cost(LeNet(), columns="all").columns == ("all",)


def test_unknown_column_is_an_error_with_all_names() -> None:
    with pytest.raises(netinspect.UsageError, match="there is no column 'parms'") as raised:
        netinspect.summary(LeNet(), columns=["parms"])
    assert "did you mean 'params'" in str(raised.value)
    assert "the columns are: path, class, input" in str(raised.value)


def test_unknown_option_has_advice() -> None:
    for name, advice in {
        "input_sizes": "did you mean 'input_size'",
        "col_names": "columns=[...] selects columns",
        "attention_mask": "kwargs={'attention_mask': ...}",
    }.items():
        with pytest.raises(TypeError) as raised:
            netinspect.summary(LeNet(), **{name: 3})  # type: ignore[call-overload]
        assert f"summary() got an unexpected keyword argument {name!r}" in str(raised.value)
        assert advice in str(raised.value)


def test_summary_attributes() -> None:
    view = netinspect.summary(LeNet(), input_size=(10, 1, 28, 28), depth=0)
    assert (view.total_params, view.trainable_params) == (44_426, 44_426)
    assert view.total_mult_adds == 2_816_400
    outputs = 6 * 24 * 24 + 16 * 8 * 8 + 120 + 84 + 10
    assert view.total_output_bytes == 10 * 4 * outputs
    layers = netinspect.summary(LeNet(), input_size=(10, 1, 28, 28)).layers
    assert [layer.path for layer in layers] == ["", "conv1", "conv2", "fc1", "fc2", "fc3"]
    first = layers[1]
    assert (first.class_name, first.params, first.macs) == ("Conv2d", 156, 10 * 24 * 24 * 6 * 25)
    assert (first.input_shapes, first.output_shapes) == (((10, 1, 28, 28),), ((10, 6, 24, 24),))
    with pytest.raises(AttributeError):
        first.params = 3  # type: ignore[misc]


def test_summary_attributes_of_failed_forward() -> None:
    view = netinspect.summary(LeNet(), input_size=(10, 3, 28, 28))
    assert view.total_params == 44_426
    for name in ("total_mult_adds", "total_output_bytes"):
        with pytest.raises(netinspect.ForwardError, match=f"{name} is not known: forward failed"):
            getattr(view, name)
    assert {layer.macs for layer in view.layers} == {None}


def test_summary_attributes_of_lower_bound() -> None:
    view = netinspect.summary(LeNet(), input_size=(10, 1, 28, 28))
    cost = Cost(macs=1_000, uncounted=1)
    for record in (replace(view.record, cost=cost), replace(view.record, counted="partly")):
        with pytest.raises(netinspect.UsageError, match="is not known exactly: at least"):
            _ = dataclasses.replace(view, record=record).total_mult_adds
    with pytest.raises(netinspect.UsageError, match="forward was not run"):
        _ = dataclasses.replace(view, record=replace(view.record, counted="no")).total_mult_adds


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 2)
        self.drop = nn.Dropout(0.5)

    def forward(self, x: Tensor, *, scale: Tensor) -> Tensor:
        y: Tensor = self.drop(self.fc(x)) * scale
        return y


@pytest.mark.parametrize("name", ["summary", "trace", "cost", "source", "memory"])
def test_functions_take_the_same_inputs(name: str) -> None:
    model = Scaled()
    model.drop.eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    function: Any = getattr(netinspect, name)
    view = function(model, input_size=(4, 3), kwargs={"scale": torch.ones(2)}, train=True)
    assert "4x3" in str(view)
    assert "train" in str(view)
    assert [module.training for module in model.modules()] == [True, True, False]
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert not [each for each in model.parameters() if each.grad is not None]


@pytest.mark.parametrize("name", ["summary", "trace", "cost", "source", "memory"])
def test_trace_is_not_run_again(name: str) -> None:
    trace = netinspect.capture(LeNet())
    with pytest.raises(netinspect.UsageError, match="cannot be run again"):
        getattr(netinspect, name)(trace, input_size=(1, 1, 28, 28))


def test_checkpoint_refuses_inputs(tmp_path: Path) -> None:
    torch.save(LeNet().state_dict(), tmp_path / "a.pt")
    with pytest.raises(netinspect.UsageError, match="input_size is for models"):
        netinspect.summary(tmp_path / "a.pt", input_size=(1, 3))
