"""Models for the calls that torchinfo's own tests make: one for each kind of model and input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, Normal
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence


class Digits(nn.Module):
    """Two convolutions and two linear layers, with functions in between."""

    def __init__(self) -> None:
        super().__init__()
        self.early = nn.Conv2d(1, 6, 5)
        self.late = nn.Conv2d(6, 16, 5)
        self.drop = nn.Dropout2d()
        self.hidden = nn.Linear(256, 32)
        self.scores = nn.Linear(32, 10)

    def forward(self, images: Tensor) -> Tensor:
        x = F.max_pool2d(self.early(images).relu(), 2)
        x = F.max_pool2d(self.drop(self.late(x)).relu(), 2)
        return self.scores(self.hidden(x.flatten(1)).relu()).softmax(1)


DIGITS_MACS = 24 * 24 * 6 * 25 + 8 * 8 * 16 * 150 + 256 * 32 + 32 * 10
"""For one image of 28 x 28."""


class Perceptron(nn.Module):
    """A Sequential, which TorchScript can compile."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = nn.Sequential(nn.Linear(20, 12), nn.Tanh(), nn.Linear(12, 4), nn.Tanh())

    def forward(self, x: Tensor) -> Tensor:
        return self.stack(x)


class PartlyScripted(nn.Module):
    """A convolution, and a scripted linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3)
        self.head = torch.jit.script(nn.Linear(3 * 36, 5))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv(x).flatten(1))


class TwoInputs(nn.Module):
    """A branch for each of two inputs, of which the second has whole numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.left = nn.Linear(40, 8)
        self.right = nn.Linear(40, 8)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return self.left(first) - self.right(second.float())


class LateParameter(nn.Module):
    """A parameter without a size, which forward replaces."""

    def __init__(self) -> None:
        super().__init__()
        self.weight: Any = nn.UninitializedParameter()

    def forward(self, x: Tensor) -> Tensor:
        self.weight = nn.Parameter(torch.ones(7))
        return x * 2


class Words(nn.Module):
    """Embedding, recurrent layers and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors = nn.Embedding(30, 12)
        self.reader = nn.LSTM(12, 16, num_layers=2)
        self.next = nn.Linear(16, 30)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Any]:
        read, state = self.reader(self.vectors(tokens))
        return self.next(read), state


def words_macs(tokens: int) -> int:
    """Return the multiply-accumulates of `Words`: four gates of two layers, and the last layer."""
    return tokens * (4 * 16 * (12 + 16) + 4 * 16 * (16 + 16) + 16 * 30)


class PackedWords(nn.Module):
    """Recurrent layer on sequences of different lengths."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors = nn.Embedding(30, 12)
        self.reader = nn.LSTM(12, 8)
        self.kind = nn.Linear(8, 3)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        packed = pack_padded_sequence(self.vectors(tokens), lengths)
        _, (last, _) = self.reader(packed)
        return self.kind(last[-1]).log_softmax(1)


class Loop(nn.Module):
    """One convolution that is called again and again; forward has unused arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.step = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor, note: str = "", other: str = "") -> Tensor:
        for _ in range(5):
            x = self.step(x)
        return x


class OnlyWeight(nn.Module):
    """A parameter that forward returns."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(6, 5))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight


class NamedLikePruned(nn.Module):
    """A parameter with the name that pruning gives, without a mask."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel_orig = nn.Parameter(torch.ones(6, 5))

    def forward(self, x: Tensor) -> Tensor:
        return self.kernel_orig


class MaskParameter(NamedLikePruned):
    """The same, with a parameter that has the name of a mask."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel_mask = nn.Parameter(torch.zeros(6, 5))


class Weights(nn.Module):
    """A ParameterList."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ParameterList([torch.ones(4, 3), torch.ones(4, 9)])

    def forward(self, x: Tensor) -> Tensor:
        return x @ torch.cat([*self.parts], 1)


class FromMapping(nn.Module):
    """Forward takes a dictionary with numbers as keys, and a number."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(1, 1)

    def forward(self, levels: Mapping[int, Any], factor: int) -> Tensor:
        return self.mix(levels[1] + levels[2][0]) * factor


class FromBatch(nn.Module):
    """Forward takes a dictionary with a tensor, and values of other types."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)

    def forward(self, batch: Mapping[str, Any]) -> Tensor:
        return self.conv(batch["image"])


class Twins(nn.Module):
    """The same layers on two images."""

    def __init__(self) -> None:
        super().__init__()
        self.eye = nn.Conv2d(1, 4, 3)
        self.pool = nn.MaxPool2d(2)
        self.verdict = nn.Linear(4, 1)

    def describe(self, x: Tensor) -> Tensor:
        return self.pool(self.eye(x).relu()).mean((2, 3))

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        return self.verdict((self.describe(one) - self.describe(other)).abs())


class Part(nn.Module):
    """A Sequential that is called, and whose layers are also called one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6))
        self.single = nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.single(self.pair(x))
        for layer in self.pair:
            x = layer(x)
        return self.pair(x)


class Boxes(nn.Module):
    """A ModuleList with layers, a model, and None."""

    def __init__(self) -> None:
        super().__init__()
        self.items = nn.ModuleList([nn.Linear(6, 6), Part()])
        self.items.append(None)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        for item in self.items:
            x = x if item is None else item(x)
        return x


class Empty(nn.Module):
    """No parameters; a plain tensor requires gradients, and an attribute has the name of an example."""

    def __init__(self) -> None:
        super().__init__()
        self.plain = torch.ones(2, requires_grad=True)
        self.example_input_array = torch.zeros(1, 2)

    def forward(self) -> Mapping[str, Tensor]:
        return {"loss": self.plain.sum()}


class Choices(nn.Module):
    """ModuleDicts from which the caller chooses a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes = nn.ModuleDict({"conv": nn.Conv2d(5, 5, 3), "pool": nn.AvgPool2d(3, 1)})
        self.bends = nn.ModuleDict({"prelu": nn.PReLU(), "tanh": nn.Tanh()})

    def forward(self, x: Tensor, shape: str, bend: str) -> Tensor:
        return self.bends[bend](self.shapes[shape](x))


class Holder:
    """An object with tensors, of a class of its own."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self.tensors = tensors


class Nested(nn.Module):
    """Returns objects in lists in tuples in a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(9, 9)
        self.second = nn.Linear(9, 9)

    def forward(self, x: Tensor) -> Any:
        return {"results": ({"all": [Holder([self.second(self.first(x))])]},)}


class Indexable(int):
    """A number that can be indexed."""

    def __getitem__(self, index: int) -> int:
        return self * index


class OddOutput(nn.Module):
    """Takes an empty dictionary, and returns a number of a class of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, options: Mapping[str, Tensor]) -> Any:
        return {"count": Indexable(len(self.layer(options.get("x", torch.ones(2)))))}


class Pair(NamedTuple):
    """Two tensors, or two sizes."""

    low: Any
    high: Any


class TakesPair(nn.Module):
    """Takes a named tuple as its third argument."""

    def forward(self, x: Tensor, y: Tensor, pair: Pair) -> Tensor:
        return Pair(x, y).high + torch.ones(pair.low)


class Report(nn.Module):
    """A layer that returns a dictionary of its activations."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3)
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Mapping[str, Tensor]:
        seen = {"conv": self.conv(x)}
        seen["head"] = self.head(seen["conv"].mean((2, 3)))
        return seen


class Reports(nn.Module):
    """A model around it, with an argument that it does not use."""

    def __init__(self) -> None:
        super().__init__()
        self.report = Report()

    def forward(self, x: Tensor, unused: Tensor) -> Mapping[str, Tensor]:
        return self.report(x)


class Unpooling(nn.Module):
    """A layer that returns the indices of its maxima, and one that takes them."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU())
        self.pool = nn.MaxPool2d(2, return_indices=True)
        self.unpool = nn.MaxUnpool2d(2)
        self.up = nn.Sequential(nn.Conv2d(4, 2, 3, padding=1), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)
        pooled, places = self.pool(x)
        return self.up(self.unpool(pooled, indices=places, output_size=x.shape))


class HalfTrainable(nn.Module):
    """One parameter is trained, one of the same size is not."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(14))
        self.shift = nn.Parameter(torch.zeros(14), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x + self.shift


class Shared(nn.Module):
    """One linear layer several times in a Sequential; with a name of its own if asked for."""

    def __init__(self, named: bool = False) -> None:
        super().__init__()
        layer = nn.Linear(7, 7)
        if named:
            self.layer = layer
        self.stack = nn.Sequential(layer, nn.ReLU(), layer, nn.ReLU(), layer)

    def forward(self, x: Tensor) -> Tensor:
        return self.stack(x)


class SharedActivation(nn.Module):
    """One activation after convolutions of different sizes."""

    def __init__(self) -> None:
        super().__init__()
        act = nn.ReLU(inplace=True)
        layers: list[nn.Module] = [nn.ReflectionPad2d(1)]
        for width in (2, 4, 8):
            layers += [nn.Conv2d(width, 2 * width, 1, bias=False), nn.BatchNorm2d(2 * width), act]
        self.stack = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.stack(x)


class Frozen(nn.Module):
    """Layers that are trained, partly trained, and not trained."""

    def __init__(self) -> None:
        super().__init__()
        self.whole = nn.Conv1d(1, 1, 1)
        self.partly = nn.Conv1d(1, 1, 1)
        self.fixed = nn.Conv1d(1, 1, 1)
        for parameter in (self.partly.bias, self.fixed.weight, self.fixed.bias):
            assert parameter is not None
            parameter.requires_grad = False
        self.drop = nn.Dropout()

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.fixed(self.partly(self.whole(x))))


class Gates(nn.Sequential):
    """A Sequential with a parameter of its own."""

    def __init__(self, *blocks: nn.Module) -> None:
        super().__init__(*blocks)
        self.register_parameter("gates", nn.Parameter(torch.zeros(len(blocks))))

    def forward(self, x: Tensor) -> Tensor:
        gates = self.get_parameter("gates")
        return sum((gate * block(x) for gate, block in zip(gates, self, strict=True)), x)


class Product(nn.Module):
    """Parameters of the model itself, with a matrix product; and a layer, or none."""

    def __init__(self, outputs: int | None = None) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.ones(24, 10))
        self.offset = nn.Parameter(torch.ones(10))
        self.head = None if outputs is None else nn.Linear(10, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = x @ self.matrix + self.offset
        return x if self.head is None else self.head(x)


class Inner(nn.Module):
    """A layer and a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.gain = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) * self.gain


class Outer(nn.Module):
    """A layer and a parameter, around a model with the same."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 1)
        self.gain = nn.Parameter(torch.ones(4))
        self.inner = Inner()

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(self.layer(x)) * self.gain


class Stages(nn.Module):
    """ModuleDicts whose layers forward calls by name, one after another."""

    def __init__(self) -> None:
        super().__init__()
        self.entry = nn.Conv2d(3, 4, 3, padding=1)
        self.stages = nn.ModuleDict()
        for number in (1, 2, 3):
            self.stages[f"conv{number}"] = nn.Conv2d(4, 4, 3, padding=number, dilation=number)
            self.stages[f"norm{number}"] = nn.BatchNorm2d(4)
        self.exit = nn.Conv2d(4, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.entry(x)
        for number in (1, 2, 3):
            x = self.stages[f"norm{number}"](self.stages[f"conv{number}"](x)).relu()
        return self.exit(x)


class InOrder(nn.Module):
    """Layers that are defined in the order of their calls."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 1)
        self.act = nn.ReLU()
        self.pool = nn.MaxPool1d(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.act(self.conv(x)))


class OutOfOrder(InOrder):
    """The same layers, defined in another order."""

    def __init__(self) -> None:
        super().__init__()
        self._modules["conv"] = self._modules.pop("conv")


class Chain(nn.Module):
    """A ModuleList of blocks that forward calls in turn."""

    def __init__(self, block: type[nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(block() for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


class ListedBlock(nn.Module):
    """Layers in a ModuleList, and an activation that other blocks have too."""

    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(5, 5), nn.Linear(5, 5)])
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = self.act(layer(x))
        return x


class SharedInLists(nn.Module):
    """Blocks in a ModuleList that share one activation."""

    def __init__(self) -> None:
        super().__init__()
        act = nn.ReLU()
        self.blocks = nn.ModuleList(ListedBlock(act) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


class Tied(nn.Module):
    """An embedding and a linear layer with one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(50, 8)
        self.head = nn.Linear(8, 50, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.embed(tokens))


class Recurrent(nn.Module):
    """A recurrent cell in a loop; a layer with parameters is called only if asked for."""

    def __init__(self, after: bool = False) -> None:
        super().__init__()
        self.cell = nn.LSTMCell(4, 3)
        self.bend = nn.Tanh()
        self.project = nn.Linear(3, 4)
        self.after = after

    def forward(self, x: Tensor) -> Tensor:
        h = c = torch.zeros(len(x), 3)
        for _ in range(3):
            h, c = self.cell(x, (h, c))
            h = self.bend(h)
        return self.bend(self.project(h)) if self.after else h


class TensorKernel(nn.Module):
    """The size of its kernel is a tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 3, padding=1)
        self.kernel_size = torch.tensor(3)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Scaled(nn.Module):
    """Takes a tensor without dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 3)

    def forward(self, x: Tensor, factor: Tensor) -> Tensor:
        return self.layer(x) * factor


class Chances(nn.Module):
    """Returns a distribution over classes."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Distribution:
        return Categorical(logits=self.layer(x))


class Bell(nn.Module):
    """Returns a normal distribution."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Linear(8, 3)
        self.width = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Distribution:
        return Normal(self.mean(x), F.softplus(self.width(x)))


class Cell(nn.Module):
    """A cell of a searched architecture: each node adds chosen operations on earlier nodes."""

    def __init__(self, width: int, genes: Sequence[tuple[str, int]]) -> None:
        super().__init__()
        makers = {
            "conv": lambda: nn.Sequential(
                nn.ReLU(), nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
            ),
            "pool": lambda: nn.AvgPool2d(3, 1, 1),
            "skip": nn.Identity,
        }
        self.sources = [source for _, source in genes]
        self.operations = nn.ModuleList(makers[name]() for name, _ in genes)

    def forward(self, x: Tensor) -> Tensor:
        nodes = [x]
        for number in range(0, len(self.sources), 2):
            pair = range(number, number + 2)
            nodes.append(sum(self.operations[at](nodes[self.sources[at]]) for at in pair))
        return nodes[-1]


class Searched(nn.Module):
    """Cells of a searched architecture, deeply nested."""

    def __init__(self) -> None:
        super().__init__()
        genes = (("conv", 0), ("skip", 0), ("pool", 1), ("conv", 0))
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6))
        self.cells = nn.ModuleList(Cell(6, genes) for _ in range(2))
        self.head = nn.Linear(6, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for cell in self.cells:
            x = cell(x)
        return self.head(x.mean((2, 3)))


class Views(nn.Module):
    """Encoders for three views of a scene, and a decoder, with blocks in blocks."""

    def __init__(self) -> None:
        super().__init__()

        def encoder() -> nn.Sequential:
            block = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, bias=False), nn.ReLU())
            return nn.Sequential(
                nn.Conv3d(1, 4, (2, 1, 1), bias=False), nn.Flatten(2, 3), nn.Sequential(block, nn.ReLU())
            )

        self.encoders = nn.ModuleDict({name: encoder() for name in ("top", "side", "front")})
        self.decoder = nn.Sequential(
            nn.Conv2d(12, 6, 1, bias=False), nn.ConvTranspose2d(6, 2, 2, 2, bias=False)
        )

    def forward(self, top: Tensor, side: Tensor, front: Tensor) -> Tensor:
        given = {"top": top, "side": side, "front": front}
        return self.decoder(torch.cat([self.encoders[name](x) for name, x in given.items()], 1))


class Halves(nn.Module):
    """Two layers that may be on two devices."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__()
        self.first = nn.Linear(6, 6).to(first)
        self.second = nn.Linear(6, 2).to(second)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x.to(self.first.weight.device)).relu()
        return self.second(x.to(self.second.weight.device))


class Failing(nn.Module):
    """Calls a layer with a size that it does not take."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.name = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.name(self.conv(x)))


class OtherValues(nn.Module):
    """Passes a string through a layer, or a class."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)
        self.value = value
        self.pass_on = nn.Identity()

    def forward(self, x: Tensor) -> Any:
        self.conv(x)
        return self.pass_on(self.value)
