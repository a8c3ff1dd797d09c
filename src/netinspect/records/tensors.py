"""Records of parameters, buffers and tensors that are not registered."""

from __future__ import annotations

from netinspect.records.base import record
from netinspect.records.values import TensorSpec


@record
class Statistics:
    """Statistics of a tensor's finite elements, and counts over all elements."""

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
    """The gradient of one parameter."""

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
    """Entries with the same number share memory: they are tied, and count once."""

    statistics: Statistics | None = None
    values: str | None = None
    """The tensor as torch prints it, if values were requested."""

    gradient: Gradient | None = None
    """The gradient; None without a backward, or if the parameter has no gradient after it."""

    not_read: str = ""
    """Reason why requested statistics are missing; empty if they are not."""

    shared_bytes: int = 0
    """Bytes of inner tensors that an earlier tensor also contains."""

    @property
    def counted_bytes(self) -> int:
        """Bytes that the parameter adds to a total."""
        return self.spec.bytes - self.shared_bytes


@record
class Buffer:
    """One entry of a module's `_buffers`, under its dotted name."""

    name: str
    module: str
    spec: TensorSpec
    persistent: bool
    """True if it is part of the `state_dict`."""

    identity: int
    statistics: Statistics | None = None
    values: str | None = None
    not_read: str = ""
    """See `Parameter.not_read`."""

    shared_bytes: int = 0
    """See `Parameter.shared_bytes`."""

    @property
    def counted_bytes(self) -> int:
        """Bytes that the buffer adds to a total."""
        return self.spec.bytes - self.shared_bytes


@record
class Unregistered:
    """A tensor that requires gradients and is an attribute of a module, but is not registered."""

    name: str
    """Path of the module, attribute, and keys or positions in containers, joined by dots."""

    spec: TensorSpec
