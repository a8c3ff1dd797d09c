"""Records of parameters, buffers, and of modules and tensors that are not registered."""

from __future__ import annotations

from typing import Literal as OneOf

from netinspect.records.base import Number, record
from netinspect.records.distribution import Distribution, Statistics
from netinspect.records.values import TensorSpec


@record
class Gradient:
    """The gradient of one parameter."""

    shape: tuple[int | str, ...]
    norm: Number
    """Euclidean norm over all elements."""


@record
class RegisteredTensor:
    """One entry of a module's `_parameters` or `_buffers`, under its dotted name."""

    name: str
    module: str
    """Path of the module that holds it; empty for the root."""

    spec: TensorSpec
    identity: int
    """Entries with the same number share memory: they are tied, and count once."""

    statistics: Statistics | None = None
    distribution: Distribution | None = None
    """None if its values were not read, without finite elements, and for complex or sparse tensors."""

    values: str | None = None
    """The tensor as torch prints it, if values were requested."""

    not_read: str = ""
    """Reason why requested statistics are missing; empty if they are not."""

    shared_bytes: int = 0
    """Bytes of inner tensors that an earlier tensor also contains."""

    @property
    def counted_bytes(self) -> int:
        """Bytes that the tensor adds to a total."""
        return self.spec.bytes - self.shared_bytes


@record
class Parameter(RegisteredTensor):
    """One entry of a module's `_parameters`."""

    trainable: bool
    """`requires_grad`."""

    gradient: Gradient | None = None
    """The gradient; None without a backward, or if the parameter has no gradient after it."""


@record
class Buffer(RegisteredTensor):
    """One entry of a module's `_buffers`."""

    persistent: bool
    """True if it is part of the `state_dict`."""


@record
class Unregistered:
    """A module with parameters, or a tensor that requires gradients, that is in use but not registered.

    `model.parameters()` misses it, so that an optimizer does not train it and `state_dict` does not save
    it. A module inside an unregistered one is part of that one.
    """

    kind: OneOf["module", "tensor"]
    class_name: str
    holder: str | None
    """Path of the registered module that holds it; None if none was found, as for a module that forward
    makes and calls."""

    attribute: str
    """Attribute of the holder, with keys and positions in containers, such as `blocks.2`; empty if the
    holder is unknown."""

    elements: int
    """Elements of the tensor, or of all unregistered parameters of the module."""

    called: bool = False
    """True if forward called the module, or a module inside it."""

    @property
    def name(self) -> str:
        """Path of the holder and attribute, joined by a dot."""
        return f"{self.holder}.{self.attribute}" if self.holder else self.attribute
