from __future__ import annotations

import difflib
import pickle
import re
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netinspect import errors
from netinspect.errors import (
    LONGEST_TEXT,
    ExitCode,
    ForwardError,
    LoadError,
    NetinspectError,
    SavedTraceError,
    UsageError,
    close_matches,
    message_of,
    shorten,
    suggestion,
    text_of,
)

RAISED = (UsageError, LoadError, SavedTraceError, ForwardError)


def test_exit_codes_are_stable() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "OK": 0,
        "FINDINGS": 1,
        "USAGE": 2,
        "LOAD": 3,
        "FORWARD": 4,
        "INTERNAL": 70,
        "INTERRUPTED": 130,
    }


@pytest.mark.parametrize(
    ("cls", "kind", "code", "parent"),
    [
        (NetinspectError, "error", ExitCode.INTERNAL, Exception),
        (UsageError, "usage", ExitCode.USAGE, NetinspectError),
        (LoadError, "load", ExitCode.LOAD, NetinspectError),
        (SavedTraceError, "saved", ExitCode.LOAD, LoadError),
        (ForwardError, "forward", ExitCode.FORWARD, NetinspectError),
    ],
)
def test_errors_have_kind_and_exit_code(
    cls: type[NetinspectError], kind: str, code: ExitCode, parent: type
) -> None:
    assert (cls.kind, cls.exit_code) == (kind, code)
    assert cls.__base__ is parent
    assert cls("x").exit_code is code


def test_documented_tree_matches_classes() -> None:
    drawn: dict[str, tuple[str, int | None]] = {}
    stack: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"([ │├└─]*)(\w+Error)\b(?:\s+exit (\d+):)?", line)
        if match is None:
            continue
        column = match.start(2)
        while stack and stack[-1][0] >= column:
            stack.pop()
        parent = stack[-1][1] if stack else "Exception"
        drawn[match[2]] = parent, int(match[3]) if match[3] else None
        stack.append((column, match[2]))
    real = {
        name: (value.mro()[1].__name__, int(value.exit_code) if value is not NetinspectError else None)
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, NetinspectError)
    }
    assert drawn == real
    assert len(real) == 7


def test_error_has_message_cause_place_and_hint() -> None:
    error = LoadError("cannot read it", cause="no such file", place="net.py:3", hint="check it")
    assert (error.message, error.cause, error.place, error.hint) == (
        "cannot read it", "no such file", "net.py:3", "check it",
    )  # fmt: skip
    assert str(error).splitlines() == [
        "cannot read it", "place: net.py:3", "cause: no such file", "hint: check it",
    ]  # fmt: skip
    assert message_of(error) == "cannot read it"
    assert "".join(traceback.format_exception_only(error)).splitlines() == [
        "netinspect.errors.LoadError: cannot read it",
        "place: net.py:3",
        "cause: no such file",
        "hint: check it",
    ]
    bare = traceback.format_exception_only(LoadError("cannot read it"))
    assert bare == ["netinspect.errors.LoadError: cannot read it\n"]


@pytest.mark.parametrize(
    ("hint", "python"),
    [
        ("--input x=1x3x8x8:int64:0..9", "input_size={'x': (1, 3, 8, 8)}, dtypes={'x': 'int64:0..9'}"),
        ("use --input a=2 --input b=3, or c", "use input_size={'a': (2,), 'b': (3,)}, or c"),
        ("--arg num_classes=10", "model_args={'num_classes': 10}"),
        ("--arg a=VALUE --arg b=small", "model_args={'a': VALUE, 'b': 'small'}"),
        ("give it with --input, such as 2x3", "give it with inputs, such as 2x3"),
        ("takes no --arg", "takes no model_args"),
        ("--depth 2 and --batch 4", "depth=2 and batch=4"),
        ("--tensors zeros (smaller)", "tensors='zeros' (smaller)"),
        ("use --train for that", "use train=True for that"),
        ("write it like --columns path,params", "write it like columns='path,params'"),
        ("netinspect trace net.py --input 2x3", "netinspect.trace('net.py', input_size=(2, 3))"),
        ("--unknown 3", "--unknown 3"),
    ],
)
def test_error_text_has_python_names(hint: str, python: str) -> None:
    error = UsageError("x", hint=hint)
    assert error.hint == hint
    assert str(error) == f"x\nhint: {python}"


def test_error_of_missing_constructor_argument_names_model_args(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(
        "from torch import nn\nclass Net(nn.Module):\n"
        "    def __init__(self, width):\n        super().__init__()\n"
        "    def forward(self, x):\n        return x\n"
    )
    code = f"import netinspect; netinspect.summary({str(file)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "model_args={'width': VALUE}" in done.stderr
    assert "--arg" not in done.stderr


@pytest.mark.parametrize("cls", RAISED)
def test_error_needs_only_message(cls: type[NetinspectError]) -> None:
    error = cls("x")
    assert (error.message, error.cause, error.place, error.hint) == ("x", None, None, None)


@pytest.mark.parametrize("cls", RAISED)
def test_error_can_be_pickled(cls: type[NetinspectError]) -> None:
    error = cls("x", cause="c", place="p", hint="h")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is cls
    assert (again.message, again.cause, again.place, again.hint) == ("x", "c", "p", "h")


@pytest.mark.parametrize(
    ("word", "candidates", "hint"),
    [
        ("lenett", ["alexnet", "lenet", "mlp"], "did you mean 'lenet' or 'alexnet'?"),
        ("LENET", ["lenet", "unet"], "did you mean 'lenet' or 'unet'?"),
        ("linear", ["Linear", "Bilinear"], "did you mean 'Linear' or 'Bilinear'?"),
        ("cov1", ["conv1", "conv2", "fc"], "did you mean 'conv1' or 'conv2'?"),
        # At most two, the most similar first.
        ("layer", ["layer10", "layer1", "layer2", "layer3"], "did you mean 'layer1' or 'layer2'?"),
        ("zzz", ["lenet", "alexnet"], None),
        ("", ["lenet"], None),
        ("lenet", [], None),
    ],
)
def test_suggestion_of_similar_names(word: str, candidates: list[str], hint: str | None) -> None:
    assert suggestion(word, candidates) == hint
    assert suggestion(word, iter(candidates)) == hint


def test_suggestion_distinguishes_case() -> None:
    assert suggestion("nett", ["Net", "net"]) == "did you mean 'Net' or 'net'?"


@given(st.text(), st.lists(st.text(), max_size=5))
def test_suggestion_names_only_candidates(word: str, candidates: list[str]) -> None:
    hint = suggestion(word, candidates)
    if hint is not None:
        formatter = {repr(candidate) for candidate in candidates}
        names = hint.removeprefix("did you mean ").removesuffix("?")
        pairs = {f"{one} or {two}" for one in formatter for two in formatter if one != two}
        assert names in formatter | pairs


@given(st.text(min_size=1))
def test_suggestion_includes_equal_word(word: str) -> None:
    assert suggestion(word, [word, "something else"]) is not None


@pytest.mark.parametrize("length", [LONGEST_TEXT - 1, LONGEST_TEXT, LONGEST_TEXT + 1, 10_000_000])
def test_shorten_any_length(length: int) -> None:
    text = "a" * (length - 3) + "end"
    short = shorten(text)
    assert len(short) <= LONGEST_TEXT
    assert short.endswith("end")
    assert (short == text) == (length <= LONGEST_TEXT)
    if length > LONGEST_TEXT:
        left_out = int(short.partition("[... ")[2].partition(" ")[0].replace(",", ""))
        assert len(short) + left_out - len(f" [... {left_out:,} characters ...] ") == length


@pytest.mark.parametrize("cls", [UsageError, LoadError, ForwardError])
def test_error_of_any_length(cls: type[NetinspectError]) -> None:
    error = cls("m" * 10**6, cause="c" * 10**6, hint="h" * 10**6)
    assert all(len(each or "") <= LONGEST_TEXT for each in (error.message, error.cause, error.hint))


class _Own(BaseException):
    pass


class _Text(str):
    def __len__(self) -> int:
        raise _Own

    def __getitem__(self, key: object) -> str:
        raise _Own


@pytest.mark.parametrize(
    ("formatter", "message"),
    [
        (lambda _: "x" * 10**7, None),
        (lambda _: _Text("short"), "short"),
        (lambda _: 5, "<its __str__ raised TypeError>"),
        (lambda error: error.args[7], "<its __str__ raised IndexError>"),
        (lambda error: str(error), "<its __str__ raised RecursionError>"),
    ],
    ids=["long", "subclass", "number", "raises", "endless"],
)
def test_message_of_any_exception(
    formatter: Callable[[BaseException], str], message: str | None
) -> None:
    error = type("E" * 10**6, (Exception,), {"__str__": formatter})("given")
    found = message_of(error)
    assert len(found) <= LONGEST_TEXT
    assert message in (None, found)
    assert len(text_of(error)) <= LONGEST_TEXT + 300


def test_close_matches_ignores_long_names(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []

    class Matcher(difflib.SequenceMatcher[str]):
        def set_seq1(self, a: Any) -> None:
            compared.append(len(a))
            super().set_seq1(a)

    monkeypatch.setattr(difflib, "SequenceMatcher", Matcher)
    assert close_matches("a" * 100_000, ["a" * 100_000]) == []
    assert close_matches("model", ["m" * 100_000, "modle"]) == ["modle"]
    assert close_matches("model", (f"{number:050}" for number in range(100_000))) == []
    assert max(compared) < 1000
    assert len(compared) < 50_000
