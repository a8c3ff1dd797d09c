"""Uses of the arguments of forward."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from netinspect.inputs.infer.forward_code.values import Change, Part, Path, Tracked

Access = Literal["key", "get", "attribute", "item", "each", "unpacked"]
"""Ways to read an entry: `batch["x"]`, `batch.get("x")`, `data.x`, `pair[0]`, a loop, and
`a, b = pair`."""

_MOST = 64
"""Most uses of each kind to record for one entry."""


@dataclass(frozen=True, slots=True)
class LayerUse:
    """An entry that is passed to a layer of the model."""

    layer: Part
    parameter: str
    """Parameter of the layer's forward."""

    changes: tuple[Change, ...] = ()
    mixed: bool = False
    width: int | None = None
    """Features or channels that are left for the entry in a concatenation; None for all of them."""

    widest: int | None = None
    """Most features or channels of an entry in the concatenation."""

    shares: int = 0
    """Number of entries that are concatenated; 0 for a single one."""

    rank: int | None = None
    """Number of dimensions that the concatenation has."""


@dataclass(frozen=True, slots=True)
class WeightUse:
    """An entry that a function of torch takes together with a weight."""

    function: str
    weight: str
    shape: tuple[int, ...]
    changes: tuple[Change, ...] = ()


@dataclass(slots=True)
class Uses:
    """Uses of one entry of an argument."""

    layers: list[LayerUse] = field(default_factory=list)
    weights: list[WeightUse] = field(default_factory=list)
    accesses: dict[str, set[Access]] = field(default_factory=dict)
    """Its own entries, and how they are read, in order."""

    names: list[str] = field(default_factory=list)
    """Parameters of methods and submodules that it is passed to."""

    choices: list[object] = field(default_factory=list)
    """Constants that it is compared with, and keys of the dictionaries that it selects from."""

    rank: int | None = None
    """Number of dimensions into which its shape is unpacked."""

    least_rank: int = 0
    """Dimensions whose sizes are read."""

    length: int = 0
    """Least length of the sequence."""

    joined_at: int | None = None
    """Dimension at which its embedding is concatenated with other features."""

    indexes: bool = False
    """Whether it is an index of another tensor."""

    count: int | None = None
    """Greatest value of an integer, for example the last position of a list; None for other values."""

    may_be_none: bool = False
    """Whether it is compared with None."""

    is_scaled: bool = False
    """Whether it is multiplied by a weight or a fraction, as only floats are."""

    is_dictionary: bool = False
    """Whether methods of a dictionary are called."""

    def read(self, key: str, access: Access) -> None:
        """Record that an entry is read."""
        if key in self.accesses or len(self.accesses) < _MOST:
            self.accesses.setdefault(key, set()).add(access)

    def call(self, name: str) -> None:
        """Record the name of a parameter or variable that it is given to."""
        if name not in self.names and len(self.names) < _MOST:
            self.names.append(name)

    def choose(self, value: object) -> None:
        """Record a possible value."""
        if value not in self.choices and len(self.choices) < _MOST:
            self.choices.append(value)


class UseTable:
    """Uses of all entries of the arguments of forward."""

    def __init__(self) -> None:
        self.entries: dict[Path, Uses] = {}

    def of(self, value: Tracked | Path) -> Uses:
        """Return the uses of an entry, to read or to extend."""
        return self.entries.setdefault(value.path if isinstance(value, Tracked) else value, Uses())

    def add_layer(self, value: Tracked, use: LayerUse) -> None:
        """Record that an entry is passed to a layer."""
        layers = self.of(value).layers
        if len(layers) < _MOST:
            layers.append(use)
