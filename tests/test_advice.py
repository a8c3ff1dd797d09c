"""Tests of advice in the words of Python code, over all texts of the source that name options."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from netinspect.advice import advise, for_python, with_python_names

SOURCE = Path(__file__).parents[1] / "src" / "netinspect"
NOT_READ = {"advice.py", "schemas.py", "html.py"}
"""Files whose texts are not advice. Nor are those of the magic, which has options itself."""

OF_OTHERS = re.compile(r"pip install .*|xz --format=lzma|jupyter nbconvert --to script")
OPTION = re.compile(r"(?<![\w-])--[a-z]")
COMMAND = re.compile(
    r"(?<![\w.])netinspect (?:summary|tree|trace|cost|params|memory|source|internals|diff|globals|"
    r"models|cache|config|doctor)\b"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("--arg num_classes=10", "model_args={'num_classes': 10}"),
        ("--input 1x3x8x8", "input_size=(1, 3, 8, 8)"),
        ("--input 7", "input_size=(7,)"),
        ("--input x=1x3x8x8 --input y=4", "input_size={'x': (1, 3, 8, 8), 'y': (4,)}"),
        ("--input 2x3 --input 2x4", "input_size=[(2, 3), (2, 4)]"),
        ("--input mask=SIZES", "input_size={'mask': SIZES}"),
        (
            "--input ids=2x3:int64:0..9 --input y=4",
            "input_size={'ids': (2, 3), 'y': (4,)}, dtypes={'ids': 'int64:0..9'}",
        ),
        ("--input 2x3:bool", "input_size=(2, 3), dtypes='bool'"),
        ("--input 4 --input 2x3:int64", "input_size=[(4,), (2, 3)], dtypes=[None, 'int64']"),
        ("--input x=2x3:ones", "inputs=['x=2x3:ones']"),
        ("--input 2x3 --input y=2x4", "inputs=['2x3', 'y=2x4']"),
        ("hidden: a, b (--columns)", "hidden: a, b (columns=[...])"),
        ("12 rows (--depth 0 shows all)", "12 rows (depth=None shows all)"),
        ("12 more (--top 0)", "12 more (top=None)"),
        ("3 more (--no-fold)", "3 more (fold=False)"),
        ("listed by --format json", "listed by view.text('json')"),
        ("choose one with --format, or", "choose one with format, or"),
        ("add --train", "add train=True"),
        ("use --tensors real, or leave", "use tensors='real', or leave"),
        ("--tensors takes auto, real or meta", "tensors takes auto, real or meta"),
        ("--device is cpu or cuda", "device is cpu or cuda"),
        ("leave --device cuda:1 out", "leave device='cuda:1' out"),
        (
            "netinspect trace TARGET --train --backward",
            "netinspect.trace(TARGET, train=True, backward=True)",
        ),
        ("netinspect trace shows each step", "netinspect.trace shows each step"),
        ("netinspect models timm: lists them", "netinspect.models('timm:') lists them"),
        ("netinspect globals a.pt lists what", "netinspect.pickle_globals('a.pt') lists what"),
        ("netinspect globals lists it", "netinspect.pickle_globals lists it"),
        ("netinspect cache clear empties it", "netinspect.cache(clear=True) empties it"),
        (
            "netinspect trace TARGET --values --save FILE",
            "netinspect.save(netinspect.load(TARGET, values=True), FILE)",
        ),
        (
            "netinspect params a.pt --include 'b.*'",
            "netinspect.params('a.pt', include='b.*')",
        ),
        ("pip install --force-reinstall torch", "pip install --force-reinstall torch"),
        ("xz --format=lzma -dk FILE", "xz --format=lzma -dk FILE"),
        ("a -- b, a--b, --", "a -- b, a--b, --"),
    ],
)
def test_with_python_names(text: str, expected: str) -> None:
    assert with_python_names(text) == expected


def test_advise_depends_on_the_caller() -> None:
    assert advise("(--columns)") == "(--columns)"
    with for_python():
        assert advise("(--columns)") == "(columns=[...])"
    assert advise("(--columns)") == "(--columns)"


def texts_of(tree: ast.AST) -> Iterator[str]:
    """Yield the strings of a module without docstrings; placeholders become `x`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(
                str(each.value) if isinstance(each, ast.Constant) else "x" for each in node.values
            )
        else:
            yield from texts_of(node)


def test_no_text_has_advice_for_the_command_line_only() -> None:
    left = []
    files = [each for each in SOURCE.rglob("*.py") if each.relative_to(SOURCE).parts[0] != "cli"]
    for file in files:
        if file.name in NOT_READ or "ipython" in file.parts:
            continue
        for text in texts_of(ast.parse(file.read_text(encoding="utf-8"))):
            text = text.replace("netinspect x ", "netinspect trace ")
            if text == "--x":  # the name of an option is looked up
                continue
            translated = OF_OTHERS.sub("", with_python_names(text))
            if OPTION.search(translated) or COMMAND.search(translated):
                left.append(f"{file.relative_to(SOURCE)}: {text!r} -> {translated!r}")
    assert len(files) > 300
    assert not left, "\n".join(left)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("netinspect cache clear empties it", "netinspect.cache(clear=True) empties it"),
        ("netinspect summary NAME", "netinspect.summary(NAME)"),
        ("a well-known name", "a well-known name"),
    ],
)
def test_advise_translates_commands_without_options(text: str, expected: str) -> None:
    assert advise(text) == text
    with for_python():
        assert advise(text) == expected
