"""Record of `diff`: the differences between `a` (old) and `b` (new)."""

from __future__ import annotations

from typing import ClassVar
from typing import Literal as OneOf

from netinspect.records.base import record
from netinspect.records.comparison import Comparison


@record
class LeftOut:
    """A section of a checkpoint that was not compared, such as the state of an optimizer."""

    section: str
    """Keys that lead to it, joined by dots."""

    tensors: int
    bytes: int


@record
class DiffSide:
    """One of the two compared models or checkpoints."""

    target: str
    kind: OneOf["model", "checkpoint"]
    """A saved trace counts as a model."""

    what: str
    """Class of the model, or format of the checkpoint."""

    section: str
    """Keys that lead to the compared section of a checkpoint; empty for the whole checkpoint."""

    sections: tuple[str, ...]
    """Further sections that were compared, under their full names."""

    section_reason: str
    """Why this section was chosen; empty if there was no choice."""

    left_out: tuple[LeftOut, ...]
    tensors: int
    """Number of compared names."""

    elements: int
    """Total number of elements; tied tensors count once."""

    bytes: int
    """Total bytes; tied tensors count once."""

    dtypes: tuple[str, ...]
    """Sorted."""

    problems: tuple[str, ...]
    """Missing or invalid parts of a checkpoint whose other parts were compared."""

    warnings: tuple[str, ...]


@record
class DiffTensor:
    """A named tensor of one side."""

    name: str
    shape: tuple[int | str, ...]
    dtype: str
    elements: int
    bytes: int
    kind: OneOf["parameter", "buffer", "tensor"]
    """`tensor` if a checkpoint does not record which."""

    trainable: bool | None
    """None if a checkpoint does not record it."""

    tied_to: tuple[str, ...]
    """Other names of the same memory."""


@record
class DiffRow:
    """A name, or a pair of names, that differs between the sides."""

    change: OneOf["added", "removed", "changed", "renamed"]
    """`changed` if more than the name differs; such a tensor may also be renamed."""

    old: DiffTensor | None
    """The tensor in `a`; None if it was added."""

    new: DiffTensor | None
    """The tensor in `b`; None if it was removed."""

    differs: tuple[OneOf["name", "shape", "dtype", "trainable", "kind", "values"], ...]
    renames: tuple[int, ...]
    """Indices in `Diff.renames` of the renames that lead from the old name to the new one, in order;
    empty if the names are equal.
    """

    guessed_name: str
    """For an added or removed tensor: its guessed name on the other side; empty without a guess."""

    branch: str = ""
    """For an added or removed tensor: the largest module around it that does not exist on the other
    side; empty if there is no such module.
    """

    values: Comparison | None = None
    """None unless values were compared and both shapes are equal."""


@record
class Rename:
    """A recognised rename and the number of names it explains."""

    kind: OneOf["prefix", "component", "path", "pattern", "name"]
    """`prefix`: added or removed at the start of names; `component`: a component anywhere in names;
    `path`: the leading components; `pattern`: `*` is the same number on both sides; `name`: one single
    name.
    """

    old: str
    new: str
    names: int
    evidence: OneOf["names", "structure", "shape", "values", "guess"]
    """`names`: several names of equal shapes differ in exactly this; `structure`: modules of the same
    sizes, unique on both sides or matched by number; `shape`: the only tensors of their size and last
    name; `values`: the only tensors with these bytes; `guess`: shared words, or the order, among several
    modules of the same sizes.
    """

    written_by: str
    """Known writer of such names, such as `PEFT`; empty if unknown."""


@record
class OpenChoice:
    """Two renames that would explain equally many names, so that neither was applied."""

    old: str
    new: str
    other_old: str
    other_new: str
    names: int


@record
class MovedValues:
    """Two tensors with different names, not paired, whose values are identical."""

    old: str
    """Name in `a`; the tensor of this name in `b` has other values."""

    new: str
    """Name in `b`."""


@record
class TieChange:
    """Tensors that share memory on one side only."""

    change: OneOf["tied", "untied"]
    """From `a` to `b`."""

    old: tuple[str, ...]
    """Their names in `a`."""

    new: tuple[str, ...]
    """Their names in `b`."""


@record
class ModuleChange:
    """A module whose class or constructor facts differ between two models."""

    change: OneOf["added", "removed", "changed"]
    """`added` and `removed` only for modules without tensors whose parents exist on both sides."""

    old_path: str | None
    new_path: str | None
    old_class: str
    new_class: str
    old_extra_repr: str
    new_extra_repr: str


@record
class Mismatch:
    """A tensor whose shape differs from the model's."""

    name: str
    checkpoint: tuple[int | str, ...]
    model: tuple[int | str, ...]


@record
class Mapping:
    """Python code that renames the tensors of a checkpoint to the names of the model."""

    lines: tuple[str, ...]
    renamed: int
    """Number of tensors that get another name; 0 if the code only takes out the state dict."""

    verdict: OneOf["loads", "loads with strict=False", "does not load"]
    missing: int
    unexpected: int
    mismatched: int


@record
class Loading:
    """The predicted result of `model.load_state_dict` with the checkpoint."""

    model: OneOf["a", "b"]
    """The side of the model; the other side is the checkpoint."""

    verdict: OneOf["loads", "loads with strict=False", "does not load"]
    missing: tuple[str, ...]
    """Names of the model that the checkpoint lacks."""

    unexpected: tuple[str, ...]
    """Names of the checkpoint that the model lacks."""

    mismatched: tuple[Mismatch, ...]
    created: tuple[str, ...] = ()
    """Names of the model that the checkpoint lacks and that the model creates itself."""

    notes: tuple[str, ...]
    mapping: Mapping | None
    """None if no renaming would help."""


@record
class DiffGroup:
    """The changes below one top-level module or section."""

    path: str
    added: int
    removed: int
    changed: int
    renamed: int
    same: int
    old_elements: int
    """Elements of all names below it in `a`; tied tensors count once per name."""

    new_elements: int
    old_bytes: int
    new_bytes: int


@record
class ValueSummary:
    """Counts of pairs by the comparison of their values."""

    identical: int
    """Same dtype and identical in every bit."""

    equal: int
    """Equal values but different bytes, for example of another dtype."""

    changed: int
    unknown: int
    """Values could not be read."""

    reshaped: int
    """Shapes differ, so that values were not compared."""

    unknown_reason: str
    """Why the first of the unknown values could not be read; empty if all could."""

    largest: str
    """Name in `b` of the tensor with the largest absolute change; empty if none changed."""


@record
class Diff:
    """The difference between two models or checkpoints."""

    name: ClassVar[str] = "diff"

    a: DiffSide
    b: DiffSide
    differs: bool
    """Whether anything differs, as counted by `--exit-code`."""

    same: int
    """Pairs with equal names and no difference."""

    added: int
    removed: int
    changed: int
    renamed: int
    """Pairs in which only the name differs."""

    rows: tuple[DiffRow, ...]
    """All names that differ, in the order of `b`; a removed name follows its predecessor in `a`."""

    renames: tuple[Rename, ...]
    guesses: tuple[Rename, ...]
    """Possible renames; their names count as added and removed."""

    open_choices: tuple[OpenChoice, ...]
    moved_values: tuple[MovedValues, ...]
    """Empty unless values were compared; such names may have been exchanged."""

    ties: tuple[TieChange, ...]
    modules: tuple[ModuleChange, ...]
    loading: Loading | None
    """None unless a model is compared with a checkpoint."""

    groups: tuple[DiffGroup, ...]
    values: ValueSummary | None
    """None if values were not compared."""

    shows: OneOf["changes", "counts"]
    """Content of the view; the record is the same for both."""

    fold: bool
    """Whether the view folds identical changes; False shows each name in its own row."""

    hidden: int = 0
    """Number of differing tensors that a limit left out of `rows`."""
