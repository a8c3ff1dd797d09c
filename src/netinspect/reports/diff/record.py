"""What `diff` finds between two sides, `a` and `b`."""

from __future__ import annotations

from typing import ClassVar
from typing import Literal as OneOf

from netinspect.records.base import record
from netinspect.records.comparison import Comparison


@record
class LeftOut:
    """One part of a checkpoint that was not compared, such as the state of an optimizer."""

    section: str
    """The keys that lead to it."""

    tensors: int
    bytes: int


@record
class DiffSide:
    """One of the two that were compared."""

    target: str
    kind: OneOf["model", "checkpoint"]
    """A saved trace counts as the model that it was made of."""

    what: str
    """Class of the model, or format of the checkpoint."""

    section: str
    """The part of a checkpoint that was compared: the keys that lead to it; empty for all of it."""

    sections: tuple[str, ...]
    """Its other parts that were compared too, name by name."""

    chosen: str
    """Why that part was taken; empty where there was no choice."""

    left_out: tuple[LeftOut, ...]
    tensors: int
    """How many names were compared."""

    elements: int
    """Elements of all of them; what is tied counts once."""

    bytes: int
    """Bytes of all of them; what is tied counts once."""

    dtypes: tuple[str, ...]
    """Sorted."""

    problems: tuple[str, ...]
    """What is missing or wrong in a checkpoint, although the rest could be compared."""

    warnings: tuple[str, ...]


@record
class DiffTensor:
    """One named tensor of a side."""

    name: str
    shape: tuple[int | str, ...]
    dtype: str
    elements: int
    bytes: int
    kind: OneOf["parameter", "buffer", "tensor"]
    """`tensor` where a checkpoint does not tell."""

    trainable: bool | None
    """None where a checkpoint does not tell."""

    tied_to: tuple[str, ...]
    """Other names of the same memory."""


@record
class DiffRow:
    """One name, or pair of names, that is not the same on both sides."""

    change: OneOf["added", "removed", "changed", "renamed"]
    """`changed` tells of a difference besides the name; such a tensor may be renamed too."""

    old: DiffTensor | None
    """As it is in `a`."""

    new: DiffTensor | None
    """As it is in `b`."""

    differs: tuple[OneOf["name", "shape", "dtype", "trainable", "kind", "values"], ...]
    renames: tuple[int, ...]
    """Indices in `Diff.renames` of what leads from the old name to the new, in this order; none where
    the names are the same."""

    perhaps: str
    """For one that was added or removed: a name on the other side that it may have been; a guess."""

    branch: str = ""
    """For one that was added or removed: the largest module around it of which the other side has
    nothing; empty where there is none."""

    values: Comparison | None = None
    """Only where values were compared, and both sides have the same shape."""


@record
class Rename:
    """One recognised change of names, and how many names it explains."""

    kind: OneOf["prefix", "component", "path", "pattern", "name"]
    """`prefix`: put in front of names, or taken away there; `component`: the same anywhere between two
    dots; `path`: one beginning for another; `pattern`: a pattern in which `*` stands for the same
    numbers on both sides; `name`: one single name."""

    old: str
    new: str
    names: int
    evidence: OneOf["names", "structure", "shape", "values", "guess"]
    """`names`: several names with their sizes differ in just this; `structure`: modules of the same
    sizes, the only such, or the only with that number; `shape`: the only ones of their sizes and last
    name; `values`: the only ones of the very same bytes; `guess`: words that names share, or their
    order, among several of the same sizes."""

    written_by: str
    """Who is known to write such names; empty for nobody."""


@record
class OpenChoice:
    """Two changes of names that would explain the same number of names, so that neither was claimed."""

    old: str
    new: str
    other_old: str
    other_new: str
    names: int


@record
class MovedValues:
    """Two names that are not the same tensor by their names, and have the very same values."""

    old: str
    """Its name in `a`; there `b` has other values."""

    new: str
    """Its name in `b`."""


@record
class TieChange:
    """Tensors that share memory on one side, and on the other not."""

    change: OneOf["tied", "untied"]
    """From `a` to `b`."""

    old: tuple[str, ...]
    """Their names in `a`."""

    new: tuple[str, ...]
    """Their names in `b`."""


@record
class ModuleChange:
    """One module of two models that is of another class, or made with other facts."""

    change: OneOf["added", "removed", "changed"]
    """`added` and `removed` are told of modules without tensors, whose parents are on both sides."""

    old_path: str | None
    new_path: str | None
    old_class: str
    new_class: str
    old_extra: str
    new_extra: str


@record
class Mismatch:
    """A name whose tensor does not fit into the model's."""

    name: str
    checkpoint: tuple[int | str, ...]
    model: tuple[int | str, ...]


@record
class Mapping:
    """Python that gives a checkpoint the names that the model wants."""

    lines: tuple[str, ...]
    verdict: OneOf["loads", "loads with strict=False", "does not load"]
    missing: int
    unexpected: int
    mismatched: int


@record
class Loading:
    """What `model.load_state_dict` would say to the checkpoint."""

    model: OneOf["a", "b"]
    """Which side is the model; the other is the checkpoint."""

    verdict: OneOf["loads", "loads with strict=False", "does not load"]
    missing: tuple[str, ...]
    """Names of the model that the checkpoint lacks."""

    unexpected: tuple[str, ...]
    """Names of the checkpoint that the model lacks."""

    mismatched: tuple[Mismatch, ...]
    filled: tuple[str, ...] = ()
    """Names of the model that the checkpoint lacks, and that the model fills in by itself."""

    notes: tuple[str, ...]
    mapping: Mapping | None
    """None where no change of names would mend anything."""


@record
class DiffGroup:
    """The changes below one module, or section, of the top level."""

    path: str
    added: int
    removed: int
    changed: int
    renamed: int
    same: int
    old_elements: int
    """Of the names below it in `a`, each counted."""

    new_elements: int
    old_bytes: int
    new_bytes: int


@record
class ValueSummary:
    """The values of all pairs together."""

    identical: int
    """Of one type, and equal in every bit."""

    equal: int
    """Of equal values and other bytes, such as another type."""

    changed: int
    unknown: int
    """Whose values could not be read."""

    reshaped: int
    """Whose shapes differ, so that there is nothing to compare."""

    why_unknown: str
    """Why the first of these could not be read; empty where all could."""

    largest: str
    """Name in `b` of the tensor with the largest absolute change; empty where nothing changed."""


@record
class Diff:
    """The difference of two sides."""

    name: ClassVar[str] = "diff"

    a: DiffSide
    b: DiffSide
    differs: bool
    """Whether anything is different, as `--exit-code` counts it."""

    same: int
    """Pairs of the same name in which nothing differs."""

    added: int
    removed: int
    changed: int
    renamed: int
    """Pairs in which nothing but the name differs."""

    rows: tuple[DiffRow, ...]
    """All names that are not the same on both sides, in the order of `b`, what was removed between."""

    renames: tuple[Rename, ...]
    guesses: tuple[Rename, ...]
    """Renames that are not claimed: their names count as added and removed."""

    open_choices: tuple[OpenChoice, ...]
    moved: tuple[MovedValues, ...]
    """Only where values were compared: as if names had been exchanged."""

    ties: tuple[TieChange, ...]
    modules: tuple[ModuleChange, ...]
    loading: Loading | None
    """Only between a model and a checkpoint."""

    groups: tuple[DiffGroup, ...]
    values: ValueSummary | None
    """None where values were not compared."""

    shows: OneOf["changes", "counts"]
    """What the view shows; the record is the same."""

    fold: bool
    """Whether the view shows each name by itself, and nothing folded."""
