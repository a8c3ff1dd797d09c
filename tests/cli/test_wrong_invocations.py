"""Tests of usage errors: each has one message with cause and remedy."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support import Outcome
from tests.trace_cache.queries import Asker


class Wrong(NamedTuple):
    """One wrong invocation."""

    line: str
    """The command line."""

    code: int
    kind: str
    culprit: str
    """Text that the first line of the error must contain."""

    hint: str | None
    """A part of the hint; None if there is nothing to advise."""

    also: tuple[str, ...] = ()
    """Further texts that must be reported."""

    partial: bool = False
    """Whether a partial report is on stdout."""

    tells_format: bool = False
    """Whether the line is about `--format` or unparseable with it."""


SHAPES = (
    "(10, >400<)",
    "(120, >256<)",
    "16 * 5 * 5",
    "32 | x = F.relu(self.fc1(x))",
    "   ^^^^^^^^^^^\n",
)

TABLE = [
    # Words of our own that are not known.
    Wrong("sumary lenet", 2, "usage", "'sumary'", "did you mean 'summary'?"),
    Wrong("parms", 2, "usage", "'parms'", "if it is a target: netinspect summary parms"),
    Wrong("frobnicate", 3, "load", "'frobnicate'", "netinspect --help"),
    Wrong("lente", 3, "load", "'lente'", "did you mean 'lenet'"),
    Wrong("gone.py:Net --depth 1", 3, "load", "gone.py", "a target is"),
    Wrong("lenet --zzz", 2, "usage", "--zzz", "summary --help"),
    Wrong(
        "help targest", 2, "usage", "'targest'", "did you mean 'targets'?",
        ("topics: targets, inputs", "commands: summary"), tells_format=True,
    ),
    Wrong("summary lenet --fromat csv", 2, "usage", "--fromat", "--format"),
    Wrong("summary lenet --zzz", 2, "usage", "--zzz", "summary --help"),
    Wrong("--depth 1", 2, "usage", "--depth is an option of a command", "netinspect summary --depth 1"),
    Wrong("--depth 1 sumary lenet", 2, "usage", "'sumary'", "did you mean 'summary'?"),
    Wrong("--zzz lenet", 2, "usage", "--zzz", "netinspect --help"),
    Wrong("--versoin", 2, "usage", "--versoin", "--version"),
    Wrong("models --no-config", 2, "usage", "--no-config must precede", "--no-config ... models"),
    Wrong("models --config a.toml", 2, "usage", "--config must precede", "--config ... models"),
    Wrong("models --batch 3", 2, "usage", "--batch", "models --help"),
    Wrong("source lenet --columns line", 2, "usage", "--columns", "--color"),
    Wrong("summary lenet conv1", 2, "usage", "argument: conv1", "netinspect tree lenet conv1"),
    Wrong("diff lenet", 2, "usage", "'B'", "write it like: netinspect diff A B\n"),
    Wrong("tree lenet conv1 extra words", 2, "usage", "extra words", "tree --help"),
    # Values that an option does not take.
    Wrong("summary lenet --format jsno", 2, "usage", "'jsno'", "'json'", tells_format=True),
    Wrong("summary lenet -f pdf", 2, "usage", "'pdf'", "rich, plain, json", tells_format=True),
    Wrong("summary lenet --color blue", 2, "usage", "'blue'", "auto, always, never"),
    Wrong("summary lenet --batch -1", 2, "usage", "--batch cannot be '-1'", "at least 0"),
    Wrong("summary lenet --batch many", 2, "usage", "'many'", "a whole number"),
    Wrong("summary lenet --depth -1", 2, "usage", "--depth", "at least 0"),
    Wrong("summary lenet --width=5", 2, "usage", "--width cannot be '5'", "at least 20"),
    Wrong("summary lenet --top x", 2, "usage", "--top", "a whole number"),
    Wrong("summary lenet --seed 1.5", 2, "usage", "'1.5'", "a whole number"),
    Wrong("summary lenet --width", 2, "usage", "--width", "--help", tells_format=True),
    Wrong("summary lenet --sort parms", 2, "usage", "'parms'", "'params'"),
    Wrong(
        "globals lenet", 3, "load", "no such file: 'lenet'", "a model itself has none", tells_format=True
    ),
    Wrong("cost lenet --by modul", 2, "usage", "'modul'", "'module'"),
    Wrong("cost lenet --sort zzz", 2, "usage", "'zzz'", "macs, share, flops, other_flops"),
    Wrong("params lenet --sort zzz", 2, "usage", "'zzz'", "elements, bytes, name"),
    Wrong(
        "summary lenet --columns path,parms", 2, "usage", "'parms'", "'params'",
        ("the columns are: path, class",), tells_format=True,
    ),
    Wrong("models --columns zzz", 2, "usage", "'zzz'", "name, description", tells_format=True),
    Wrong("summary lenet --columns ,", 2, "usage", "','", "path,params"),
    Wrong("memory lenet --train --optimizer adamv", 2, "usage", "'adamv'", "'adamw'"),
    Wrong("memory lenet --optimizer sgd", 2, "usage", "nothing in inference", "--train"),
    Wrong("memory lenet --dtype int8", 2, "usage", "'int8'", "fp32, bf16, fp16"),
    Wrong("memory lenet --device-memory 24", 2, "usage", "'24'", "24GiB", ("no unit",)),
    Wrong("memory lenet --allocator gpu", 2, "usage", "'gpu'", "cuda, cpu"),
    Wrong("memory lenet --checkpoint-activations", 2, "usage", "--checkpoint", "--train"),
    Wrong("memory lenet --batch 0", 2, "usage", "the batch is 0", "1 or more"),
    Wrong("cache claer", 2, "usage", "ACTION cannot be 'claer'", "'clear'"),
    Wrong("cache zzz", 2, "usage", "ACTION cannot be 'zzz'", "one of info, clear"),
    # Settings.
    Wrong("--config missing.toml models", 2, "usage", "missing.toml", None),
    Wrong("--config broken.toml models", 2, "usage", "broken.toml", None, ("line 1",)),
    Wrong("--config unknown.toml models", 2, "usage", "'formt'", "'format'"),
    Wrong("--config wrong.toml models", 2, "usage", "'wide'", "it takes int"),
    Wrong("--config value.toml models", 2, "usage", "value.toml", "'csv'", tells_format=True),
    # Targets that are not there, or are something else.
    Wrong("summary lente", 3, "load", "'lente'", "'lenet'"),
    Wrong("summary resnet50", 3, "load", "'resnet50'", "did you mean torchvision:resnet50 or timm:"),
    Wrong("summary bert-base-uncased", 3, "load", "'bert-base-uncased'", "transformers:bert"),
    Wrong("summary some-org/some-model", 3, "load", "some-org/some-model", "hf:some-org/some-model"),
    Wrong("summary zzzzzz", 3, "load", "'zzzzzz'", "the samples are: alexnet"),
    Wrong("summary gone/missing.py", 3, "load", "missing.py", "a target is"),
    Wrong("summary nett.py:Net", 3, "load", "nett.py", "'net.py'"),
    Wrong("summary net", 3, "load", "'net'", "net.py"),
    Wrong("summary missing.json", 3, "load", "missing.json", "a target is"),
    Wrong("summary folder", 3, "checkpoint", "folder without a model's weights", "name a file"),
    Wrong("summary folder/", 3, "checkpoint", "folder without a model's weights", "name a file"),
    Wrong("summary ''", 2, "usage", "empty", "a target is"),
    Wrong("summary '   '", 2, "usage", "empty", "a target is"),
    Wrong("summary net.py:", 2, "usage", "'net.py:'", "name of a class"),
    Wrong("summary net.py::Net", 2, "usage", "':Net'", "did you mean net.py:Net?"),
    Wrong("summary 'net.py:Net()'", 2, "usage", "'Net()'", "did you mean net.py:Net?"),
    Wrong("summary 'net.py:no such'", 2, "usage", "'no such'", "name of a class"),
    Wrong(r"summary 'C:\models\gone.py:Net'", 3, "load", r"C:\models\gone.py", "a target is"),
    Wrong("summary net.py:Nett", 3, "load", "'Nett'", "'Net'"),
    Wrong("summary no_such.module:Net", 3, "load", "no_such.module", "is no_such installed"),
    Wrong("summary torch.nn:Linearr", 3, "load", "'Linearr'", "'Linear'"),
    Wrong("summary weights.pt", 3, "checkpoint", "weights.pt is not whole", "fetch it again"),
    Wrong("summary list.json", 3, "checkpoint", "list.json is not a checkpoint", "--save"),
    Wrong("summary empty.json", 3, "checkpoint", "empty.json is not a checkpoint", "fetch it again"),
    Wrong("summary other.json", 3, "saved", "other.json", "--save", ("netinspect-saved-trace",)),
    Wrong("summary cut.json", 3, "saved", "cut.json", "--save", ("not valid JSON",)),
    Wrong("summary damaged.json", 3, "saved", "damaged.json", "save it again", ("parameters",)),
    Wrong("summary newer.json", 3, "saved", "newer.json", "update netinspect", ("99",)),
    # Python files that do not give a model.
    Wrong(
        "summary syntax.py", 3, "load", "syntax.py", None,
        ("syntax.py:2", "SyntaxError", "  2 | class Net(nn.Module:\n", "  ^\n"),
    ),
    Wrong("summary imports.py", 3, "load", "imports.py", "installed", ("imports.py:1",)),
    Wrong(
        "summary raises.py", 3, "load", "raises.py", "--debug",
        ("raises.py:2", "bad luck", "  2 | raise ValueError"),
    ),
    Wrong("summary exits.py", 3, "load", "exits.py", "__main__", ("exits.py:2",)),
    Wrong("summary nothing.py", 3, "load", "nothing.py", "nothing.py:NAME"),
    Wrong("summary empty.py", 3, "load", "empty.py", "empty.py:NAME"),
    Wrong("summary several.py", 3, "load", "several.py", "several.py:First", ("First, Second",)),
    Wrong("summary several.py:answer", 3, "load", "answer", "nn.Module class"),
    Wrong("summary several.py:Plain", 3, "load", "Plain", "nn.Module class"),
    Wrong("summary several.py:number", 3, "load", "number", "nn.Module class"),
    Wrong("summary several.py:instance --arg a=1", 3, "load", "instance", "its class"),
    Wrong("summary wants.py", 3, "load", "Wants", "--arg width=", ("width, depth", "wants.py:build")),
    Wrong("summary wants.py --arg widht=1", 3, "load", "Wants", "'width'", ("'widht'",)),
    Wrong("summary wants.py --arg width", 2, "usage", "'width'", "--arg num_classes=10"),
    Wrong("summary wants.py --arg =1", 2, "usage", "'=1'", "--arg num_classes=10"),
    Wrong("summary refuses.py", 3, "load", "Refuses", "--debug", ("refuses.py:7", "second line")),
    Wrong("summary declares.py", 2, "usage", "EXAMPLE_INPUTS", "x=1x3x224x224"),
    # Inputs that do not fit the signature, or that cannot be read.
    Wrong("summary lenet -i 1x1x28x28 -i 2", 2, "usage", "2 inputs", "its arguments are: x"),
    Wrong("summary lenet -i y=1x1x28x28", 2, "usage", "'y'", "its arguments are: x"),
    Wrong("summary two_inputs -i imgae=1x3x8x8", 2, "usage", "'imgae'", "'image'"),
    Wrong("summary lenet -i x=1 -i x=1", 2, "usage", "'x'", "--input NAME=SIZES"),
    Wrong("summary lenet -i x=2.5", 2, "usage", "'x=2.5'", "NAME:=0.5"),
    Wrong("summary lenet -i image=1x1x28x28", 2, "usage", "'image'", "a dictionary is named x.image"),
    Wrong("summary lenet -i abc", 2, "usage", "'abc'", "write it like"),
    Wrong("summary lenet -i 1xx2", 2, "usage", "'1xx2'", "write it like"),
    Wrong("summary lenet -i ''", 2, "usage", "''", "write it like"),
    Wrong("summary lenet -i =1x2", 2, "usage", "'=1x2'", "write it like"),
    Wrong("summary lenet -i 1x2:flot32", 2, "usage", "'1x2:flot32'", "'float32'"),
    Wrong("summary lenet -i 1x2:int64:9..0", 2, "usage", "9..0", "write it like"),
    Wrong("summary lenet -i 1x1x28x28x99999999999", 2, "usage", "99999999999", "write it like"),
    # FileOwners that cannot be written.
    Wrong("summary lenet -o gone/x.json", 2, "usage", "gone/x.json", "a folder that exists"),
    Wrong("summary lenet -o folder", 2, "usage", "folder", "name a file", ("directory",)),
    Wrong("summary lenet --save gone/x", 2, "usage", "gone/x", "a folder that exists"),
    Wrong("models -o page.pdf", 2, "usage", "page.pdf", "--format", tells_format=True),
    # Modules that are not there.
    Wrong("tree lenet conv9", 2, "usage", "'conv9'", "'conv1' or 'conv2'"),
    Wrong("source lenet zzz.x", 2, "usage", "'zzz.x'", "conv1, conv2, fc1"),
    Wrong("internals lenet conv", 2, "usage", "'conv'", "'conv1'"),
    # Saved traces asked for what they do not hold.
    Wrong("summary saved.json -i 1x1x28x28", 2, "usage", "saved.json", "leave --input"),
    Wrong("summary saved.json --batch 2", 2, "usage", "saved.json", "leave --input"),
    Wrong("params saved.json --values", 3, "saved", "values", "params TARGET --values --save"),
    Wrong("params saved.json --stats", 3, "saved", "statistics", "params TARGET --stats --save"),
    Wrong("trace saved.json --values", 3, "saved", "values", "trace TARGET --values --save"),
    Wrong("trace saved.json --backward", 3, "saved", "backward", "trace TARGET --backward --save"),
    Wrong("memory saved.json", 2, "usage", "saved.json", "pass the target of the model itself"),
    # Models that fail on the input.
    Wrong(
        "memory lenet -i 10x1x32x32", 4, "forward", "fc1 (Linear)", "Linear(400, 120)",
        (*SHAPES, "lenet.py:32"),
    ),
    Wrong(
        "summary lenet -i 1x28x28", 4, "forward", "fc1 (Linear)", "--input x=1x1x28x28",
        ("without a batch dimension", "lenet.py:32"), partial=True,
    ),
    Wrong(
        "trace lenet -i 10x3x28x28", 4, "forward", "conv1 (Conv2d)", "--input x=10x1x28x28",
        ("1 channel", "(10, >3<, 28, 28)", "(6, >1<, 5, 5)", "lenet.py:29"), partial=True,
    ),
    *(
        Wrong(
            f"{command} lenet -i 10x1x32x32", 4, "forward", "fc1 (Linear)", "Linear(400, 120)",
            (*SHAPES, "lenet.py:32", "--input x=10x1x28x28"), partial=True,
        )
        for command in ("summary", "params", "trace", "tree", "source", "internals")
    ),
    Wrong(
        "summary tiny_gpt -i 2x32:float32", 4, "forward", "token_embedding", "2x32:int64:0..255",
        ("float32", "tiny_gpt.py:"), partial=True,
    ),
    Wrong(
        "summary tiny_gpt -i 2x32:int64:999..999", 4, "forward", "token_embedding", "0..255",
        ("256 rows",), partial=True,
    ),
    Wrong(
        "trace several.py:First", 4, "forward", "First", "write a forward method",
        ("summary, tree and params list what it holds",),
    ),
    Wrong(
        "summary quits.py", 4, "forward", "Quits", "netinspect trace",
        ("quits.py:9", "SystemExit"), partial=True,
    ),
]  # fmt: skip


def test_invocation_table_has_no_duplicates() -> None:
    lines = [wrong.line for wrong in TABLE]
    assert len(lines) >= 40
    assert len(set(lines)) == len(lines)


@pytest.mark.parametrize("wrong", TABLE, ids=[wrong.line for wrong in TABLE])
def test_usage_error_has_hint(cli: Callable[..., Outcome], workshop: Path, wrong: Wrong) -> None:
    outcome = cli(*shlex.split(wrong.line))

    assert outcome.code == wrong.code, outcome.err
    first, *others = outcome.err.splitlines()
    assert first.startswith(f"error[{wrong.kind}]: ")
    assert wrong.culprit in first
    assert outcome.err.count("error[") == 1
    assert "Traceback" not in outcome.err
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", outcome.err)
    for part in wrong.also:
        assert part in outcome.err
    hints = "\n".join(others).partition("  hint: ")[2]
    if wrong.hint is not None:
        assert wrong.hint in hints
    assert bool(outcome.out) == wrong.partial


@pytest.mark.parametrize(
    "wrong",
    [wrong for wrong in TABLE if not wrong.tells_format],
    ids=[wrong.line for wrong in TABLE if not wrong.tells_format],
)
def test_usage_error_as_json(cli: Callable[..., Outcome], workshop: Path, wrong: Wrong) -> None:
    outcome = cli(*shlex.split(wrong.line), "--format", "json")

    assert outcome.code == wrong.code
    lines = outcome.err.splitlines()
    assert len(lines) == 1
    error = json.loads(lines[0])
    assert list(error) == ["error", "message", "place", "source", "cause", "hint", "exit_code"]
    assert error["error"] == wrong.kind
    assert error["exit_code"] == wrong.code
    assert wrong.culprit in error["message"]
    if wrong.hint is not None:
        assert wrong.hint in error["hint"]
    if wrong.partial:
        assert json.loads(outcome.out)["header"]["failure"]["summary"] == error["message"]
    else:
        assert outcome.out == ""


def test_error_order_of_parts(cli: Callable[..., Outcome]) -> None:
    lines = cli("summary", "lenet", "-i", "10x1x32x32").err.splitlines()
    starts = [line.split(":")[0] for line in lines if not line.startswith("       ")]
    code = ["  32 | x = F.relu(self.fc1(x))", f"     | {'^^^^^^^^^^^':>22}"]
    assert starts == ["error[forward]", "  --> models/lenet.py", *code, "  cause", "  hint"]


def test_columns_refused_with_json(cli: Callable[..., Outcome]) -> None:
    outcome = cli("summary", "lenet", "--format", "json", "--columns", "path")
    assert outcome.code == 2
    assert "csv or plain" in json.loads(outcome.err)["hint"]


def test_target_with_nul(cli: Callable[..., Outcome]) -> None:
    outcome = cli("summary", "le\0net")
    assert outcome.code == 2
    assert "error[usage]: the target contains a NUL character" in outcome.err
    assert outcome.out == ""


@pytest.mark.parametrize("words", [["--format=json"], ["-f", "json"], ["-fjson"], []])
def test_json_error_with_any_spelling_of_format(
    cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    if not words:
        monkeypatch.setenv("NETINSPECT_FORMAT", "json")
    assert json.loads(cli("summary", "lente", *words).err)["error"] == "load"


def test_error_names_environment_variable(
    cli: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NETINSPECT_DEPTH", "deep")
    outcome = cli("summary", "lenet")
    assert outcome.code == 2
    assert "--depth cannot be 'deep', as NETINSPECT_DEPTH sets it" in outcome.err


@pytest.mark.usefixtures("workshop")
def test_extra_repr_that_exits(cli: Callable[..., Outcome]) -> None:
    outcome = cli("tree", "quits_early.py")
    assert outcome.code == 0
    assert "<extra_repr raised SystemExit>" in outcome.out


@pytest.mark.parametrize(
    ("words", "usual"),
    [
        ("--depth 1 lenet", "summary lenet --depth 1"),
        ("-d1 -fcsv lenet", "summary lenet -d 1 -f csv"),
        ("--no-config --sort macs --top=2 cost lenet", "--no-config cost lenet --sort macs --top 2"),
        ("--depth 1 --help", "summary --help"),
    ],
)
def test_options_may_precede_the_command(cli: Callable[..., Outcome], words: str, usual: str) -> None:
    outcome = cli(*words.split())
    assert outcome.code == 0
    assert outcome.out == cli(*usual.split()).out


@pytest.mark.slow
def test_wrong_sort_key_or_grouping_is_refused_without_torch(workshop: Path) -> None:
    ask = Asker(workshop, workshop / "home")
    for line in ("summary lenet --sort parms", "cost lenet --sort mac", "params lenet --sort byte"):
        outcome = ask(*line.split(), blocked=True)
        assert outcome.code == 2
        assert "did you mean" in outcome.err
    assert "cannot group by 'lin'" in ask("cost", "lenet", "--by", "lin", blocked=True).err


@pytest.mark.parametrize(
    ("words", "expected", "unexpected"),
    [
        (["cost", "lenet", "--fomat", "json"], "did you mean --format?", "--sort"),
        (["cost", "lenet", "extra"], "see netinspect cost --help", "netinspect tree"),
        (["cost", "resnet18", "layer1.0"], "netinspect tree resnet18 layer1.0", "zzz"),
        (["summary", "notez"], "there is no", "notes.txt"),
        (["summary", "./notez"], "does not exist", "notes.txt"),
        (["params", "lenet", "--include", "fc9*"], "no row matches fc9*", "rows shown"),
    ],
    ids=str,
)
def test_hint_of_error_names_what_works(
    words: list[str],
    expected: str,
    unexpected: str,
    tmp_path: Path,
    installed: Callable[..., Outcome],
) -> None:
    (tmp_path / "notes.txt").touch()
    outcome = installed(*words, cwd=tmp_path)
    assert expected in outcome.err
    assert unexpected not in outcome.err
