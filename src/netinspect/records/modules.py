"""Record of an `nn.Module` and of its hooks and attributes."""

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
    library: bool = False
    """True if torch itself defines the callable, as for weight normalization and pruning."""

    flags: tuple[str, ...] = ()
    """Other dictionaries that contain its id, such as `_forward_hooks_with_kwargs`, and
    `_is_full_backward_hook`; they show how it was registered."""


@record
class Attribute:
    """One plain attribute of a module, beyond what `nn.Module.__init__` sets."""

    name: str
    type: str
    text: str


DEEPEST = 128
"""Deepest level of modules that reports list; deeper modules count toward it."""


@record
class Module:
    """One module of the tree."""

    path: str
    """Dotted path from the root; empty for the root itself."""

    name: str
    """Name in its parent; empty for the root."""

    class_name: str
    class_path: str
    """Class with its Python module, such as `torch.nn.modules.conv.Conv2d`."""

    bases: tuple[str, ...]
    """Base classes, up to `nn.Module`, which is not included."""

    library: bool
    """True if torch itself defines the class."""

    file: str | None
    line: int | None
    """Line of the class statement; None if no source can be found."""

    forward_file: str | None
    forward_line: int | None
    """Line where its `forward` is defined, which may be in a base class."""

    extra: str
    """Its `extra_repr`, usually the arguments of its constructor."""

    training: bool
    parameters: tuple[str, ...]
    """Dotted names of the entries of its own `_parameters`, without entries that are None."""

    buffers: tuple[str, ...]
    children: tuple[str, ...]
    """Paths of the submodules, in the order of `_modules`."""

    empty: tuple[str, ...] = ()
    """Names in `_parameters`, `_buffers`, `_modules` whose value is None, such as an absent `bias`."""

    alias_of: str | None = None
    """Path of the first occurrence of the same object; its children are reported only there."""

    hooks: tuple[Hook, ...] = ()
    attributes: tuple[Attribute, ...] = ()

    @property
    def defined_at(self) -> str | None:
        """The place of the class statement as `file:line`; None for torch's own classes."""
        known = self.file is not None and self.line is not None and not self.library
        return f"{self.file}:{self.line}" if known else None


@record
class Change:
    """One module or tensor that forward registered in the model, replaced or removed."""

    kind: OneOf["made", "replaced", "removed"]
    name: str
    """Path of a module, or dotted name of a parameter or buffer."""

    what: str
    """Class of a module; kind and shape of a tensor."""
