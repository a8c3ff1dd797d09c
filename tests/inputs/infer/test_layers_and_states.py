"""Tests of inputs of torch's own layers, of programs, and of recurrent states."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import netinspect


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(5, 8), nn.Linear(7, 8)

    def forward(self, u: Tensor, v: Tensor) -> Tensor:
        return self.left(u) + self.right(v)


class Words(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rows, self.rnn = nn.Embedding(20, 8), nn.LSTM(8, 6, batch_first=True)

    def forward(self, ids: Tensor) -> Tensor:
        return self.rnn(self.rows(ids))[0]


class Picture(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU()), nn.Flatten(), nn.Linear(2704, 3))


class Steps(nn.Module):
    def __init__(self, *, batch_first: bool) -> None:
        super().__init__()
        self.rnn = nn.GRU(6, 8, batch_first=batch_first)

    def forward(self, x: Tensor) -> Tensor:
        return self.rnn(x)[0]


class Language(nn.Module):
    """Takes time first, and the state of all of its layers."""

    def __init__(self, kind: type[nn.LSTM | nn.GRU], layers: int) -> None:
        super().__init__()
        self.rows, self.rnn = nn.Embedding(50, 12), kind(12, 10, layers)

    def forward(self, input: Tensor, hidden: tuple[Tensor, Tensor]) -> Tensor:
        return self.rnn(self.rows(input), hidden)[0]


class BothWays(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(6, 8, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> Tensor:
        hidden, cell = state
        return self.rnn(x, (hidden, cell))[0]


class Separate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.LSTM(6, 8)

    def forward(self, x: Tensor, h0: Tensor, c0: Tensor) -> Tensor:
        return self.rnn(x, (h0, c0))[0]


class Cell(nn.Module):
    def __init__(self, kind: type[nn.LSTMCell | nn.GRUCell]) -> None:
        super().__init__()
        self.cell = kind(6, 8)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        return self.cell(x, hidden)


class Characters(nn.Module):
    """Has no recurrent layer: the state is concatenated with the input."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden_size = 20
        self.next = nn.Linear(9 + 20, 20)

    def forward(self, input: Tensor, hidden: Tensor) -> Tensor:
        return self.next(torch.cat((input, hidden), 1))


class OneWord(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rows, self.rnn = nn.Embedding(30, 8), nn.GRU(8, 8)

    def forward(self, input: Tensor, hidden: Tensor) -> Tensor:
        return self.rnn(self.rows(input).view(1, 1, -1), hidden)[0]


class KeptState(nn.Module):
    def __init__(self, batch: int) -> None:
        super().__init__()
        self.rnn = nn.LSTM(6, 8, batch_first=True)
        self.state = torch.zeros(1, batch, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.rnn(x, (self.state, self.state))[0]


class Packed(nn.Module):
    def __init__(self, *, batch_first: bool) -> None:
        super().__init__()
        self.rows, self.rnn = nn.Embedding(60, 8), nn.LSTM(8, 4, batch_first=batch_first)

    def forward(self, words: Tensor, lengths: Tensor) -> Tensor:
        rows = self.rows(words)
        first = self.rnn.batch_first
        return self.rnn(nn.utils.rnn.pack_padded_sequence(rows, lengths, batch_first=first))[1][0]


def specs(model: nn.Module) -> str:
    trace = netinspect.load(model)
    assert trace.failure is None
    assert len(trace.attempts) < 15
    return " ".join(each.spec for each in trace.inputs)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (nn.MultiheadAttention(32, 4), "query=16x1x32 key=16x1x32 value=16x1x32"),
        (
            nn.MultiheadAttention(32, 4, kdim=24, vdim=20, batch_first=True),
            "query=1x16x32 key=1x16x24 value=1x16x20",
        ),
        (nn.Bilinear(5, 6, 7), "input1=1x5 input2=1x6"),
        (nn.Transformer(32, 4, 1, 1, 64, batch_first=True), "src=1x16x32 tgt=1x16x32"),
        (nn.TransformerDecoderLayer(32, 4, 64), "tgt=16x1x32 memory=16x1x32"),
        (nn.LSTM(8, 16, 2), "input=16x1x8"),
        (nn.GRUCell(8, 16), "input=1x8"),
        (nn.Embedding(10, 4), "input=1x16:int64:0..9"),
    ],
)
def test_inputs_of_layers(model: nn.Module, expected: str) -> None:
    assert specs(model) == expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Two(), "u=1x5 v=1x7"),
        (Words(), "ids=1x16:int64:0..19"),
        (Picture(), "input=1x1x28x28"),
        (Steps(batch_first=True), "x=1x16x6"),
        (Steps(batch_first=False), "x=16x1x6"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_inputs_of_scripts(model: nn.Module, expected: str) -> None:
    assert specs(torch.jit.script(model)) == expected


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_inputs_of_traced_modules() -> None:
    assert specs(torch.jit.trace(Picture(), torch.randn(1, 1, 28, 28))) == "1x1x28x28"
    rows = nn.Sequential(nn.Embedding(20, 8), nn.Linear(8, 3))
    assert specs(torch.jit.trace(rows, torch.zeros(2, 9, dtype=torch.int64))) == "2x9:int64:0..19"
    assert specs(torch.jit.trace(Two(), (torch.randn(3, 5), torch.randn(3, 7)))) == "3x5 3x7"


@pytest.mark.slow
def test_inputs_of_exported_programs() -> None:
    batch = {"input": {0: torch.export.Dim("batch")}}
    made = torch.export.export(Picture(), (torch.randn(2, 1, 28, 28),), dynamic_shapes=batch)
    assert specs(made.module()) == "input=2x1x28x28"
    made = torch.export.export(Two(), (torch.randn(3, 5), torch.randn(3, 7)))
    assert specs(made.module()) == "u=3x5 v=3x7"
    made = torch.export.export(nn.Embedding(20, 3), (torch.zeros(2, 9, dtype=torch.int64),))
    assert specs(made.module()) == "input=2x9:int64:0..19"


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Language(nn.LSTM, 2), "input=16x1:int64:0..49 hidden.0=2x1x10 hidden.1=2x1x10"),
        (Language(nn.GRU, 1), "input=16x1:int64:0..49 hidden=1x1x10"),
        (BothWays(), "x=1x16x6 state.0=2x1x8 state.1=2x1x8"),
        (Separate(), "x=16x1x6 h0=1x1x8 c0=1x1x8"),
        (Cell(nn.LSTMCell), "x=1x6 hidden=1x8:list2"),
        (Cell(nn.GRUCell), "x=1x6 hidden=1x8"),
        (Characters(), "input=1x9 hidden=1x20"),
        (OneWord(), "input=1:int64:0..29 hidden=1x1x8"),
        (KeptState(4), "x=4x16x6"),
        (KeptState(1), "x=1x16x6"),
        (Packed(batch_first=True), "words=1x16:int64:0..59 lengths=1:int64:16..16"),
        (Packed(batch_first=False), "words=16x1:int64:0..59 lengths=1:int64:16..16"),
    ],
)
def test_inputs_of_recurrent_layers(model: nn.Module, expected: str) -> None:
    assert specs(model) == expected
