"""Tests of the option `--symbolic`: accepted and rejected values, and the output in each format."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

import netinspect
from netinspect.errors import SavedTraceError, UsageError
from netinspect.inputs.symbols import SymbolRequest, parse_symbols
from netinspect.records.base import replace
from netinspect.records.request import Target, TraceRequest
from netinspect.records.saved import parse_trace
from netinspect.runner.cached_traces import request_without_forward, without_forward
from netinspect.trace_cache.cache_key import cache_key
from tests.reports.test_schemas import validation_errors
from tests.support import Outcome

Cli = Callable[..., Outcome]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("batch", SymbolRequest(name="batch", symbol="N")),
        (" seq ", SymbolRequest(name="seq", symbol="T")),
        ("seq=ids:1", SymbolRequest(name="seq", symbol="T", dimensions=(("ids", 1),))),
        ("batch=x:-1", SymbolRequest(name="batch", symbol="N", dimensions=(("x", -1),))),
        (
            "points = cloud.xyz:1, mask:0",
            SymbolRequest(name="points", symbol="points", dimensions=(("cloud.xyz", 1), ("mask", 0))),
        ),
    ],
)
def test_symbolic_option_parses_requests(text: str, wanted: SymbolRequest) -> None:
    assert parse_symbols((text,)) == (wanted,)


@pytest.mark.parametrize(
    ("texts", "message", "hint"),
    [
        (["sequenze"], "unknown dimension 'sequenze'", "known are batch, seq, height, width"),
        (["bach"], "unknown dimension 'bach'", "did you mean 'batch'?"),
        (["2"], "cannot read --symbolic '2'", "write it like --symbolic batch"),
        (["batch="], "cannot read --symbolic 'batch='", "--symbolic batch=x:2"),
        (["batch=x"], "cannot read --symbolic 'batch=x'", "--symbolic batch=ids:1,mask:1"),
        (["batch=x:one"], "cannot read", "--symbolic batch=x:2"),
        (["batch", "batch=x:0"], "gives the symbol N twice", "omit one"),
        (["batch", "N=x:0"], "gives the symbol N twice", "rename"),
        (["batch", "seq", "height"], "at most 2 names", "omit some"),
    ],
)
def test_symbolic_option_rejects_invalid_requests(texts: list[str], message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_symbols(texts)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("texts", "message", "hint"),
    [
        (["batch=y:0"], "there is no input 'y'", "x (10x1x28x28)"),
        (["batch=x:4"], "x has no dimension 4", "--symbolic batch=x:0"),
        (["batch=x:-5"], "x has no dimension -5", "--symbolic batch=x:0"),
        (["size=x:2,x:1"], "cannot stand for several sizes", "a symbol for each"),
    ],
)
def test_symbolic_option_rejects_missing_dimensions(texts: list[str], message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        netinspect.load("lenet", symbolic=texts)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


def test_symbolic_batch_excludes_batch_option(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = cli("summary", "lenet", "--batch", "4", "--symbolic", "batch")
    assert outcome.code == 2
    assert "omit --batch for expressions in N" in outcome.err
    (tmp_path / "netinspect.toml").write_text("batch = 4\n", encoding="utf-8")
    assert (
        "N is the batch, x:0, 10 in this run"
        in cli(*("summary", "lenet", "--symbolic", "batch", "--width", "120")).out
    )


def test_project_batch_setting_applies_to_other_symbols(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "netinspect.toml").write_text("batch = 4\n", encoding="utf-8")
    shown = cli("summary", "mlp", "--symbolic", "batches=x:-1", "--format", "json").out
    assert json.loads(shown)["header"]["inputs"][0]["value"]["shape"][0] == 4


@pytest.mark.parametrize("form", ["plain", "csv"])
def test_symbolic_notes_are_printed_with_rows(cli: Cli, tmp_path: Path, form: str) -> None:
    file = tmp_path / "net.py"
    file.write_text(
        "from torch import nn\n\nEXAMPLE_INPUTS = ('x=4x6',)\n\n\nclass Net(nn.Module):\n"
        "    def forward(self, x):\n        return x.reshape(24)\n",
        encoding="utf-8",
    )
    words = ("summary", str(file), "--symbolic", "batch", "--format", form)
    outcome = cli(*words)
    assert "(24)" in outcome.out
    comments = outcome.out if form == "plain" else outcome.err
    assert "# note: all sizes are concrete: the model fails at N = 3: RuntimeError" in comments
    assert not cli(*words, "--quiet").err


def test_symbolic_numbers_are_rounded_only_for_people(cli: Cli) -> None:
    words = ("cost", "lenet", "--symbolic", "batch")
    shown = cli(*words, "--width", "160").out
    assert "281.6 k*N" in shown
    assert "44.1 KiB*N + 173.5 KiB" in shown
    assert "forward: 281,640*N MACs, 563,280*N FLOPs; 9,174*N other FLOPs" in shown
    assert "order, share and intensity are those at N = 10" in shown
    assert "N is the batch, x:0, 10 in this run: proved by runs at 2, 3 and 7, confirmed at 18" in shown
    (row,) = (
        each
        for each in csv.DictReader(io.StringIO(cli(*words, "--format", "csv").out))
        if each["module"] == "conv1"
    )
    assert (row["macs"], row["read"], row["calls"]) == ("86400*N", "3136*N + 624", "1")
    report = json.loads(cli(*words, "--format", "json").out)
    assert report["total"]["macs"] == 2_816_400
    assert report["total"]["expressions"]["macs"] == {
        "symbols": ["N"],
        "terms": [{"coefficient": 281_640, "powers": [1]}],
        "divisor": 1,
    }
    assert report["header"]["symbolic"]["symbols"][0]["size"] == 10


@pytest.mark.parametrize("command", ["summary", "trace", "source", "cost"])
def test_symbolic_option_of_every_forward_command(cli: Cli, command: str) -> None:
    words = (command, "lenet", "--symbolic", "batch")
    assert "N" in cli(*words).out.replace("NaN", "")
    assert validation_errors(json.loads(cli(*words, "--format", "json").out)) == []


def test_trace_and_source_show_symbolic_shapes(cli: Cli) -> None:
    shown = cli("trace", "lenet", "--symbolic", "batch", "--width", "120").out
    assert "(N, 6, 24, 24)" in shown
    assert "output: (N, 10), 10*N values, 40 B*N" in shown
    assert "input: x = N x 1 x 28 x 28 float32" in shown
    code = cli("source", "lenet", "--symbolic", "batch").out
    assert "x = x.view(x.size()[0], -1)  # (N,16,4,4) -> (N,256)" in code


def test_saved_trace_shows_its_symbols_and_rejects_others(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    assert cli("trace", "lenet", "--symbolic", "batch", "--save", str(file)).code == 0
    assert validation_errors(json.loads(file.read_text())) == []
    assert "281,640*N MACs" in cli("summary", str(file), "--width", "120").out
    outcome = cli("summary", str(file), "--symbolic", "batch")
    assert outcome.code == 2
    assert "it cannot be run at other sizes" in outcome.err


@pytest.mark.slow
def test_cached_trace_is_reused_for_the_same_symbols(
    installed: Callable[..., Outcome], tmp_path: Path
) -> None:
    environment = {"NETINSPECT_CACHE": "1", "XDG_CACHE_HOME": str(tmp_path)}
    words = ("cost", "lenet", "--width", "150", "--symbolic", "batch", "-v")
    first, again = (installed(*words, env=environment) for _ in range(2))
    assert "281,640*N MACs" in first.out
    assert again.out == first.out
    assert list(tmp_path.rglob("*")) != []
    one = TraceRequest(target=Target(text="lenet", kind="sample", place="lenet.py"))
    other = replace(one, symbolic=("batch",))
    assert cache_key("trace", one, "") != cache_key("trace", other, "")
    assert request_without_forward(one) == request_without_forward(other)
    trace = without_forward(netinspect.load("lenet", symbolic="batch"))
    assert trace == netinspect.load("lenet", run=False)


def test_saved_trace_with_unknown_symbols_is_rejected(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "trace.json"
    cli("trace", "lenet", "--symbolic", "batch", "--save", str(file))
    data = json.loads(file.read_text())
    works = [work for step in data["steps"] for work in step["work"]]
    for name, value in (("symbols", ["M"]), ("divisor", 0), ("terms", [])):
        expression = works[0]["expressions"]["macs"]
        before = expression[name]
        expression[name] = value if value else [{"coefficient": 1, "powers": []}]
        if name == "divisor":
            expression[name] = 0
        with pytest.raises(SavedTraceError, match="damaged"):
            parse_trace(json.dumps(data), name="it")
        expression[name] = before
    data["steps"][0]["output"]["shape"] = ["nonsense", "5?"]
    data["output"] = data["steps"][0]["output"]
    trace = parse_trace(json.dumps(data), name="it")
    assert "(nonsense, 5?), 100 values, 400 B at N = 10" in netinspect.trace(trace).text()


def test_forward_runs_once_without_symbolic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "netinspect.runner.symbolic_runs", None)
    assert netinspect.load("lenet").symbolic is None
    with pytest.raises(ImportError):
        netinspect.load("lenet", symbolic="batch")
