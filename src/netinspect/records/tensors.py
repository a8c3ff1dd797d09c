"""The named tensors that a module holds: parameters and buffers."""

from __future__ import annotations

from netinspect.records.base import record
from netinspect.records.values import TensorSpec


@record
class Statistics:
    """A summary of a tensor's values, over its finite elements; counts are over all elements."""

    mean: float | None
    """None if no element is finite, or the dtype is not a number."""

    std: float | None
    """Sample standard deviation (n - 1), as `Tensor.std`; None below two finite elements."""

    min: float | None
    max: float | None
    zeros: int
    nan: int
    inf: int


@record
class Gradient:
    """What the backward left for one parameter."""

    shape: tuple[int | str, ...]
    norm: float
    """Euclidean norm over all elements."""


@record
class Parameter:
    """One entry of a module's `_parameters`, under its dotted name."""

    name: str
    module: str
    """Path of the module that holds it; empty for the root."""

    spec: TensorSpec
    trainable: bool
    """`requires_grad`."""

    identity: int
    """Entries that are the same memory have the same number: they are tied, and count once."""

    statistics: Statistics | None = None
    values: str | None = None
    """The tensor as torch prints it; only where values were asked for."""

    gradient: Gradient | None = None
    """Only after a backward; None there means that the parameter got no gradient."""

    not_read: str = ""
    """Why statistics were asked for and there are none; empty where that is not so."""

    shared_bytes: int = 0
    """Of its bytes those of an inner tensor that another one, counted before it, is made of too."""

    @property
    def counted_bytes(self) -> int:
        """Bytes that it adds to a sum."""
        return self.spec.bytes - self.shared_bytes


@record
class Buffer:
    """One entry of a module's `_buffers`, under its dotted name."""

    name: str
    module: str
    spec: TensorSpec
    persistent: bool
    """Whether it is part of the `state_dict`."""

    identity: int
    statistics: Statistics | None = None
    values: str | None = None
    not_read: str = ""
    """As for a parameter."""

    shared_bytes: int = 0
    """As for a parameter."""

    @property
    def counted_bytes(self) -> int:
        """Bytes that it adds to a sum."""
        return self.spec.bytes - self.shared_bytes


@record
class Unregistered:
    """A tensor that requires gradients and is held by a module, but is not a parameter of it."""

    name: str
    """Path of the module, attribute, and keys or positions in containers, with dots between."""

    spec: TensorSpec
