"""Shapes that the documentation of forward tells in words."""

from __future__ import annotations

import pytest
from torch import Tensor, nn

from netinspect.inputs.infer.candidate import tensor
from netinspect.inputs.infer.docstrings import (
    Documented,
    documented_arguments,
    refine_by_docstring,
    shape_in_words,
)
from netinspect.inputs.infer.model_facts import read_facts


class Told(nn.Module):
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


class Silent(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


def test_each_argument_is_read_where_it_is_told() -> None:
    assert documented_arguments(Told()) == {
        "first": Documented(("total", "sequence_length"), "int64"),
        "second": Documented(("N", "3", "H", "W"), None),
        "third": Documented(("batch", "sequence_length"), "bool"),
    }
    assert documented_arguments(Silent()) == {}


def test_words_stand_for_the_sizes_that_another_argument_has() -> None:
    facts = read_facts(Told())
    others = {"first": tensor(2, 40, dtype="int64", reason="known")}
    guess = refine_by_docstring("third", None, others, facts)
    assert guess is not None
    assert guess.spec.shape == (1, 40)
    assert guess.spec.dtype == "bool"
    assert guess.reason == "forward documents third as (batch, sequence_length)"


def test_a_guess_of_the_same_kind_keeps_its_sizes() -> None:
    facts = read_facts(Told())
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
        ("nothing is told", None),
    ],
)
def test_a_shape_in_the_words_of_an_error(text: str, expected: tuple[int, ...] | None) -> None:
    assert shape_in_words(text, read_facts(Silent())) == expected


class Unhashable(list[int]):
    def __call__(self, x: Tensor) -> Tensor:
        return x


def test_a_forward_that_is_an_object_says_nothing_and_does_no_harm() -> None:
    model = type("Odd", (nn.Module,), {"forward": Unhashable()})()
    assert documented_arguments(model) == {}


@pytest.mark.parametrize("piece", ["(a, ", "x (of shape (", "[1, ", "x: of size `((((", "a*b+c, "])
def test_documentation_of_any_length_is_read_in_no_time(piece: str) -> None:
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
def test_docstring_of_any_length(text: str) -> None:
    class Net(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x

    Net.forward.__doc__ = text
    Net.forward.__annotations__["x"] = "w" * 10**6
    documented = documented_arguments(Net()).get("x", Documented((), None))
    assert sum(map(len, documented.sizes)) <= 20_000
    guess = refine_by_docstring("x", None, {}, read_facts(Net()))
    assert guess is None or max(guess.spec.shape) <= 1 << 20
