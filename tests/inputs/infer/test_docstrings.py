"""Tests of shapes read from docstrings and annotations of forward."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor, nn

import netinspect
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


class Wide(nn.Module):
    def __init__(self, layer: nn.Module | None = None, dim: int = 6) -> None:
        super().__init__()
        self.layer = layer or nn.Linear(dim, 3)
        self.dim = dim

    def forward(self, x: Tensor) -> Any:
        return self.layer(x)


class Dimensions(Wide):
    def forward(self, x: Tensor) -> Any:
        """Run.

        Args:
            x (torch.Tensor): Tensor of dimension (batch, channel, time, feature).
        """
        return self.layer(x)


class Commented(Wide):
    def forward(self, inp: Tensor) -> Any:
        # Shape of inp is (batch_size, 1, 28, 28)
        # It becomes (batch, 28, 28).
        inp = inp.reshape(-1, 28, 28)
        return self.layer(inp)


class Crossed(Wide):
    def forward(self, x: Tensor) -> Any:
        # x: B x T x D
        return self.layer(x)


class OfTheClass(Wide):
    """A network.

    Shape:
        - Input: (N, L, C_in)
        - Output: (N, C_out)
    """


class Last(Wide):
    def forward(self, x: Tensor) -> Any:
        """Run.

        Args:
            x: of shape (..., self.dim)
        """
        return self.layer(x.reshape(-1, self.dim))


class Patterned(Wide):
    def forward(self, x: Float[Tensor, "*b 1 h=40 52"]) -> Any:  # type: ignore[name-defined] # noqa: F722, F821
        return self.layer(x)


class TensorTyped(Wide):
    def forward(self, x: TensorType[batch, 2, 30, 50]) -> Any:  # type: ignore[name-defined] # noqa: F821
        return self.layer(x)


DOCUMENTED = {
    "a dimension in words": (Dimensions(), "x=1x1x16x6"),
    "a comment": (Commented(nn.GRU(28, 4, batch_first=True)), "inp=1x1x28x28"),
    "a product in a comment": (Crossed(), "x=1x16x6"),
    "a section of the class": (OfTheClass(), "x=1x16x6"),
    "the last size": (Last(nn.Linear(6, 2)), "x=1x6"),
    "an attribute": (Last(nn.Identity(), dim=9), "x=1x16x9"),
    "a pattern with names": (Patterned(nn.Conv2d(1, 2, 3)), "x=1x1x40x52"),
    "a typed tensor": (TensorTyped(nn.Conv2d(2, 2, 3)), "x=1x2x30x50"),
}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_infer_uses_documented_sizes(name: str) -> None:
    model, expected = DOCUMENTED[name]
    trace = netinspect.load(model)
    assert trace.failure is None
    assert tuple(each.spec for each in trace.inputs) == (expected,)


@pytest.mark.parametrize(
    "message",
    [
        "expected a batch, but got input of size: [1, 1, 1, 16000]",
        "cannot use a tensor of shape (1, 2, 3), found one of shape (4, 5)",
        "weight of size [8, 3, 3], expected input to have 3 channels",
    ],
)
def test_parse_shape_in_words_ignores_what_was_found(message: str) -> None:
    facts = read_facts(Wide())
    assert parse_shape_in_words(message.partition("tensor of")[0], facts) is None
