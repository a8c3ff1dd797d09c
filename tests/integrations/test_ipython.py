"""Tests of the magic `%netinspect`, in a shell of IPython and in an executed notebook."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from models.lenet import LeNet

import netinspect
from netinspect.integrations.ipython.magic import describe
from netinspect.integrations.ipython.words import split
from tests.browser import Page
from tests.rendering.test_notebook import execute


class Shell:
    """The part of a shell of IPython that the magic uses."""

    def __init__(self, **variables: Any) -> None:
        from IPython.core.compilerop import CachingCompiler

        self.user_ns = {"__name__": "cells", **variables}
        self.compile, self.execution_count = CachingCompiler(), 1

    def transform_cell(self, cell: str) -> str:
        return cell


@pytest.fixture
def shell() -> Shell:
    return Shell(model=LeNet(), x=torch.ones(2, 1, 28, 28), size=(3, 1, 28, 28), LeNet=LeNet, state={})


def run(shell: Shell, line: str, cell: str | None = None) -> Any:
    from netinspect.integrations.ipython.magic import run

    return run(shell, line, cell)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a  --b c", ["a", "--b", "c"]),
        ("--size (1, 2) x", ["--size", "(1, 2)", "x"]),
        ("--kwargs {'a b': [1, 2]}", ["--kwargs", "{'a b': [1, 2]}"]),
        ("'a b'.pt x(')')", ["'a b'.pt", "x(')')"]),
        ("", []),
    ],
)
def test_split_keeps_brackets_and_quotes(line: str, words: list[str]) -> None:
    assert split(line) == words


def test_magic_has_the_results_of_the_functions(shell: Shell) -> None:
    model, x = shell.user_ns["model"], shell.user_ns["x"]
    for line, view in {
        "summary model --depth 0": netinspect.summary(model),
        "summary model x": netinspect.summary(model, x),
        "summary model --input-size size": netinspect.summary(model, input_size=(3, 1, 28, 28)),
        "summary model --input-size (3, 1, 28, 28)": netinspect.summary(
            model, input_size=(3, 1, 28, 28)
        ),
        "summary model --input 3x1x28x28 --train": netinspect.summary(
            model, inputs=["3x1x28x28"], train=True
        ),
        "cost model --input-data x[:1] --sort macs": netinspect.cost(model, x[:1], sort="macs"),
        "summary lenet --no-fold": netinspect.summary("lenet", fold=False),
        "model --columns path,params": netinspect.summary(model, columns="path,params"),
        "tree model conv1": netinspect.tree(model, "conv1"),
        "source model --path=conv1": netinspect.source(model, path="conv1"),
        "params model --include *bias --include conv*": netinspect.params(
            model, include=["*bias", "conv*"]
        ),
        "diff model LeNet()": netinspect.diff(model, LeNet()),
        "models lenet": netinspect.models("lenet"),
        "summary model --batch 4 --seed 3": netinspect.summary(model, batch=4, seed=3),
        "tree torch.nn:Linear --arg in_features=3 --arg out_features=2": netinspect.tree(
            "torch.nn:Linear", model_args={"in_features": 3, "out_features": 2}
        ),
        "summary model -d 1": netinspect.summary(model, depth=1),
        "summary model x  # ten images": netinspect.summary(model, x),
        "summary model -i 3x1x28x28": netinspect.summary(model, inputs="3x1x28x28"),
        "summary model (-x)": netinspect.summary(model, -x),
        "cache info": netinspect.cache(),
    }.items():
        assert str(run(shell, line)) == str(view), line


def test_magic_takes_words_in_quotes_as_targets() -> None:
    shell = Shell(lenet=torch.nn.Linear(2, 1))
    assert run(shell, "params lenet").record.header.target == "Linear"
    for word in ('"lenet"', "'lenet'"):
        assert run(shell, f"params {word}").record.header.target == "lenet"


def test_magic_output_options(shell: Shell, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = shell.user_ns["net"] = torch.nn.Linear(3000, 3000)
    view = netinspect.params(net)
    line = "params net"
    shown = run(shell, f"{line} --exact --width 60")
    assert repr(shown) == view.text(width=60, exact=True).rstrip("\n")
    assert "34.3 MiB" in str(view)
    for text in (str(shown), shown._repr_html_()):
        assert "34.3 MiB" not in text
        assert "36,012,000" in text
    file = tmp_path / "a b.csv"
    assert run(shell, f"{line} -o '{file}';") is None
    assert file.read_text() == view.text("csv")
    assert run(shell, "summary --help") is None
    assert "depth: Deepest level" in capsys.readouterr().out
    assert run(shell, "--help") is None
    assert "Commands: summary, params" in capsys.readouterr().out


def test_magic_clears_the_cache(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[bool] = []

    def cache(*, clear: bool = False) -> None:
        given.append(clear)

    monkeypatch.setattr("netinspect.api._views.cache", cache)
    for line in ("cache clear", "cache --clear", "cache info", "cache"):
        run(shell, line)
    assert given == [True, True, False, False]


def test_cell_magic_shows_the_source_of_a_class_of_the_cell(shell: Shell) -> None:
    cell = (
        "from torch import nn\nclass Twice(nn.Module):\n    def forward(self, x):\n"
        "        return x + x  # twice\nTwice()\n"
    )
    text = str(run(shell, "source --input-size (2, 3)", cell))
    assert "return x + x  # twice" in text
    assert "(2,3)" in text


def test_cell_magic_shows_the_value_of_the_last_line(shell: Shell) -> None:
    view = run(shell, "summary --columns path,params", "net = LeNet()\nnet\n")
    assert str(view) == str(netinspect.summary(LeNet(), columns="path,params"))
    assert type(shell.user_ns["net"]) is LeNet
    with pytest.raises(netinspect.UsageError, match="the last line of the cell has no value"):
        run(shell, "summary", "net = LeNet()")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "write it like %netinspect summary model --depth 2"),
        ("summary", "summary needs model"),
        ("sumary model", "did you mean 'summary'"),
        ("summary modl", "there is no variable or target 'modl'"),
        ("summary model --dept 2", "did you mean '--depth'"),
        ("summary model --depth", "write it like --depth 2"),
        ("summary model --depth x", "--depth x: expected a whole number"),
        ("summary model y", "NameError: name 'y' is not defined"),
        ("summary model --input-data y", "for --input-data"),
        ("summary model --columns parms", "did you mean 'params'"),
        ("summary model --input q=3", "forward has no argument 'q'"),
        ("cost lenet --input x=3 --input y", "cannot read the input spec 'y'"),
        ("summary LeNet", "build it first: LeNet()"),
        ("internals model conv1 x", "does not take 'x' after its target"),
        ("summary model -x", "an expression that begins with a minus goes in brackets: (-x)"),
        ("summary model --json", "view.text('json')"),
        ("summary model -f json", "view.text('json')"),
        ("summary model --bogus 1", "its options: --depth, --order"),
        (
            "tree model --input 1x2",
            "its options: --path, --depth, --no-fold, --columns, --model-args",
        ),
        ("summary model --width 5", "expected 20 or more"),
        ("summary model -d", "write it like -d 2"),
        ("summary model -d x", "-d x: expected a whole number"),
        ("summary model --exact=no", "--exact takes no value"),
        ("globals state", "expected the path of a checkpoint or a name such as hf:org/name, got dict"),
    ],
)
def test_magic_errors(shell: Shell, line: str, words: str) -> None:
    with pytest.raises(netinspect.NetinspectError) as raised:
        run(shell, line)
    assert words in describe(raised.value)


def test_extension_imports_neither_ipython_nor_torch() -> None:
    code = (
        "import sys, netinspect\nassert callable(netinspect.load_ipython_extension)\n"
        "assert not {'IPython', 'torch', 'netinspect.api', 'netinspect.integrations'} & {*sys.modules}\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)


CELLS = (
    "import torch\nfrom models.lenet import LeNet\nmodel = LeNet()\n%load_ext netinspect",
    "%netinspect summary model --depth 2",
    "%%netinspect cost --input-size (4, 1, 28, 28)\nmodel",
    "try:\n    get_ipython().run_line_magic('netinspect', 'summary modl')\n"
    "except BaseException as error:\n    print(type(error).__name__, error)",
    "view = %netinspect summary model\nprint(view.total_params)",
    "%%netinspect source --input-size (2, 3)\nclass Twice(torch.nn.Module):\n"
    "    def forward(self, x):\n        return x + x  # twice\nTwice()",
    "%netinspect summary model --exact -o lenet.csv;",
    "print(open('lenet.csv').readline())",
)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("notebook")
    cells = [each.replace("lenet.csv", str(folder / "lenet.csv")) for each in CELLS]
    return folder, execute(folder, *cells)


@pytest.mark.slow
def test_magic_in_a_notebook(page: Page, outputs: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, (summary, cost, error, total, source, first_line) = outputs
    assert '<div class="netinspect"' in "".join(summary["data"]["text/html"])
    assert "(10, 6, 24, 24)" in "".join(summary["data"]["text/plain"])
    assert "4x1x28x28" in "".join(cost["data"]["text/plain"])
    text = "".join(error["text"])
    assert text.startswith("UsageError there is no variable or target 'modl'")
    assert "did you mean 'model'" in text
    assert "Traceback" not in text
    assert "".join(total["text"]) == "44426\n"
    assert "return x + x  # twice" in "".join(source["data"]["text/plain"])
    assert "".join(first_line["text"]).startswith("path,class,")
    for theme in ("light", "dark"):
        page.open(folder / f"{theme}.html", dark=theme == "dark")
        assert page.raw.locator(".netinspect table").count() == 2
