"""Record of one `nn.Module`, read from the object itself."""

from __future__ import annotations

from typing import Literal as OneOf

from netinspect.records.base import record


@record
class Hook:
    """One registered hook."""

    dictionary: str
    """The attribute that holds it, such as `_forward_pre_hooks`."""

    name: str
    """Qualified name of the callable."""

    file: str | None
    line: int | None
    flags: tuple[str, ...] = ()
    """Further dictionaries that hold its number, which states how it was registered, such as
    `_forward_hooks_with_kwargs`."""


@record
class Attribute:
    """One plain attribute of a module, beyond what `nn.Module.__init__` sets."""

    name: str
    type: str
    text: str


DEEPEST = 128
"""Deepest level of modules that reports list; deeper ones count toward it."""


@record
class Module:
    """One module of the tree."""

    path: str
    """Dotted path from the root; empty for the root itself."""

    name: str
    """The name under which its parent holds it; empty for the root."""

    class_name: str
    class_path: str
    """With the Python module in front, such as `torch.nn.modules.conv.Conv2d`."""

    bases: tuple[str, ...]
    """The classes it derives from, up to and without `nn.Module`."""

    library: bool
    """Whether torch itself defines the class."""

    file: str | None
    line: int | None
    """Where the class statement stands; None if no source can be found."""

    forward_file: str | None
    forward_line: int | None
    """Where the `forward` that it runs is defined, which may be a base class."""

    extra: str
    """Its `extra_repr`: the facts that its constructor was given."""

    training: bool
    parameters: tuple[str, ...]
    """Dotted names of the entries of its own `_parameters`; a None entry is left out."""

    buffers: tuple[str, ...]
    children: tuple[str, ...]
    """Paths, in the order of `_modules`."""

    empty: tuple[str, ...] = ()
    """Names in `_parameters`, `_buffers`, `_modules` that hold None, such as an absent `bias`."""

    alias_of: str | None = None
    """Path under which the same object was met first; its inside is reported only there."""

    hooks: tuple[Hook, ...] = ()
    attributes: tuple[Attribute, ...] = ()


@record
class Change:
    """One thing that forward registered in the model, replaced or removed."""

    kind: OneOf["made", "replaced", "removed"]
    name: str
    """Path of a module, or dotted name of a parameter or buffer."""

    what: str
    """Class of a module; kind and shape of a tensor."""
