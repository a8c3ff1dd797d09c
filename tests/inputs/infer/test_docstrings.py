"""Tests of shapes read from docstrings and annotations of forward."""

from __future__ import annotations

import pytest
from torch import Tensor, nn

from netinspect.inputs.infer.candidate import tensor
from netinspect.inputs.infer.docstrings import (
    DocumentedShape,
    documented_arguments,
    parse_shape_in_words,
    refine_by_docstring,
)
from netinspect.inputs.infer.model_facts import read_facts


class DocumentedNet(nn.Module):
    def forward(self, first: Tensor, second: Tensor, third: Tensor, fourth: Tensor) -> Tensor:
        """Do something with the second (2, 2) of them.

        Args:
            first (`torch.LongTensor` of shape `(total (>= batch_size), sequence_length)`, *optional*):
                Of shape (9, 9), which is about something else.
            second: images of size [N, 3, H, W], as usual.
            third (torch.BoolTensor): (batch, sequence_length).
            fourth: a number.

        Returns:
            Something of shape (1, 2, 3, 4), and fourth (5, 6).
        """
        return first + second + third + fourth


class Undocumented(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


def test_documented_arguments() -> None:
    assert documented_arguments(DocumentedNet()) == {
        "first": DocumentedShape(("total", "sequence_length"), "int64"),
        "second": DocumentedShape(("N", "3", "H", "W"), None),
        "third": DocumentedShape(("batch", "sequence_length"), "bool"),
    }
    assert documented_arguments(Undocumented()) == {}


def test_refine_by_docstring_shares_sizes_by_word() -> None:
    facts = read_facts(DocumentedNet())
    others = {"first": tensor(2, 40, dtype="int64", reason="known")}
    guess = refine_by_docstring("third", None, others, facts)
    assert guess is not None
    assert guess.spec.shape == (1, 40)
    assert guess.spec.dtype == "bool"
    assert guess.reason == "forward documents third as (batch, sequence_length)"


def test_refine_by_docstring_keeps_guess_of_same_rank() -> None:
    facts = read_facts(DocumentedNet())
    known = tensor(1, 3, 96, 96, reason="a layer")
    assert refine_by_docstring("second", known, {}, facts) is known
    flat = refine_by_docstring("second", tensor(1, 3, reason="a layer"), {}, facts)
    assert flat is not None
    assert flat.spec.shape == (1, 3, 224, 224)
    assert refine_by_docstring("fourth", known, {}, facts) is known


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "must be a 5D tensor of shape (batch_size, 2, num_channels, height, width)",
            (1, 2, 3, 224, 224),
        ),
        ("wants something of size [batch, 2 * 3 + 1, seq_len]", (1, 7, 16)),
        ("got a tensor of shape (5)", None),
        ("no shape", None),
    ],
)
def test_parse_shape_in_words(text: str, expected: tuple[int, ...] | None) -> None:
    assert parse_shape_in_words(text, read_facts(Undocumented())) == expected


class Unhashable(list[int]):
    def __call__(self, x: Tensor) -> Tensor:
        return x


def test_documented_arguments_forward_is_unhashable_object() -> None:
    model = type("Odd", (nn.Module,), {"forward": Unhashable()})()
    assert documented_arguments(model) == {}


@pytest.mark.parametrize("piece", ["(a, ", "x (of shape (", "[1, ", "x: of size `((((", "a*b+c, "])
def test_documented_arguments_repeated_text_is_fast(piece: str) -> None:
    def forward(self: nn.Module, x: Tensor) -> Tensor:
        return x

    forward.__doc__ = "x: " + piece * 5_000
    model = type("Wordy", (nn.Module,), {"forward": forward})()
    assert set(documented_arguments(model)) <= {"x"}


@pytest.mark.parametrize(
    "text",
    [
        "x: of shape " + "[" * 10**6,
        "x: of shape " + "(a" * 10**6,
        "x: of shape (" + "a " * 10**6,
        "x: (a, b" + " " * 10**6,
        "\n" * 10**6 + "x: of shape (2, 3)",
        " " * 10**6 + "x: of shape (2, 3)",
        "x: of shape (\u00b2, " + "9" * 10**6 + ")",
        "x: of shape (" + "+".join("9" * 10**5) + ", 2)",
        "x: of shape (" + "_" * 10**6 + ", 2)",
    ],
    ids=["brackets", "parentheses", "words", "blanks", "lines", "indent", "digits", "sum", "name"],
)
def test_refine_by_docstring_long_text(text: str) -> None:
    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x

    Net.forward.__doc__ = text
    Net.forward.__annotations__["x"] = "w" * 10**6
    documented = documented_arguments(Net()).get("x", DocumentedShape((), None))
    assert sum(map(len, documented.sizes)) <= 20_000
    guess = refine_by_docstring("x", None, {}, read_facts(Net()))
    assert guess is None or max(guess.spec.shape) <= 1 << 20
