"""Targets of `targets/*.toml` with their right inputs, and the comparison with an input that was chosen.

Each file is a list of targets, by library or repository. An entry has

- `target`: what a user types after `netinspect summary`;
- `args`: arguments of the class, as `--arg` takes them, separated by spaces. In a repository they are
  only given if `given` is true: otherwise they are what its own code uses, for netinspect to find;
- `input`: what a user of the model would give, in the grammar of `--input`; `also`, other right inputs;
- `within`: the largest factor between a chosen size and the right one (4 if it is left out);
- `build`: Python code that sets `model`, where a call of the class with `args` is not how it is built;
- `meta`: true if the plain forward runs on meta tensors, because the model is large;
- `class`: the class of the model in a file that has several;
- `pass`: why it is listed though no input lets it pass.
"""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "targets"
LISTS = tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))
WITHIN = 4.0
"""Largest factor between a chosen size and the right one."""

FEW = 4
"""Sizes up to this number are not compared with each other: a batch, the channels of a picture."""

LARGEST_BATCH = 64
"""Largest first size of an input whose right one has a batch of 1: examples in docstrings have more."""

Leaf = tuple[str, str, tuple[int, ...]]
"""A tensor in an input: where it is, the kind of its dtype, and its shape."""


@dataclass(frozen=True)
class CoverageTarget:
    """One target with the input that is right for it."""

    group: str
    """Library, or repository as owner/name."""

    target: str
    inputs: tuple[str, ...]
    also: tuple[tuple[str, ...], ...] = ()
    args: tuple[str, ...] = ()
    given: bool = True
    build: str = ""
    within: float = WITHIN
    meta: bool = False
    class_name: str = ""
    commit: str = ""
    """Commit of the repository; empty for a library."""

    folder: str = ""
    """Folder of the repository in which the command is run."""

    version: str = field(default="", compare=False)

    @property
    def name(self) -> str:
        """The command line, which is unique in its list."""
        given = " ".join(self.args) if self.given else ""
        place = f"{self.group}: " if self.commit else ""
        return f"{place}{self.target} {given}".rstrip()

    @property
    def right(self) -> tuple[tuple[str, ...], ...]:
        """All right inputs."""
        return (self.inputs, *self.also)


def read_targets(path: Path) -> list[CoverageTarget]:
    """Read a list of targets.

    Raises:
        ValueError: An entry has a key that is not known, or lacks one.
    """
    found = []
    for name, group in tomllib.loads(path.read_text("utf-8")).items():
        entries = group.pop("targets")
        found += [_target(name, group, dict(entry)) for entry in entries]
    names = [each.name for each in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{path.name} has a target twice: {', '.join(sorted(twice))}")
    return found


def _target(name: str, group: Mapping[str, Any], entry: dict[str, Any]) -> CoverageTarget:
    right = entry.pop("input")
    also = entry.pop("also", [])
    commit = group.get("commit", "")
    made = CoverageTarget(
        group=name,
        target=entry.pop("target"),
        inputs=_specs(right),
        also=tuple(map(_specs, also)),
        args=tuple(shlex.split(entry.pop("args", ""), posix=False)),
        given=entry.pop("given", not commit),
        build=entry.pop("build", ""),
        within=float(entry.pop("within", WITHIN)),
        meta=entry.pop("meta", False),
        class_name=entry.pop("class", ""),
        commit=commit,
        folder=group.get("folder", ""),
        version=group.get("version", ""),
    )
    if entry:
        raise ValueError(f"{made.name}: unknown keys {', '.join(entry)}")
    return made


def _specs(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


# --- whether an input is reasonable --------------------------------------------------------------


def leaves_of(name: str, value: Mapping[str, Any]) -> Iterator[Leaf]:
    """Yield the tensors of a value, as the header of a report describes it; a number is a scalar."""
    if value["kind"] == "tensor":
        yield name, kind_of(value["dtype"]), tuple(value["shape"])
    elif value["kind"] == "structure":
        for item in value["items"]:
            yield from leaves_of(f"{name}.{item['key']}", item["value"])
    elif value["kind"] == "literal" and value["type"] in ("int", "float"):
        yield name, value["type"], ()


def kind_of(dtype: str) -> str:
    """Return `float`, `int`, `bool` or `complex`."""
    return next((kind for kind in ("int", "bool", "complex") if kind in dtype), "float")


def oddity(chosen: Sequence[Leaf], right: Sequence[Leaf], within: float, optional: set[str]) -> str:
    """Return why a chosen input is not a reasonable one, or an empty string.

    Args:
        chosen: The tensors that the model was run on.
        right: Those of the right input.
        within: The largest factor between two sizes; see `far`.
        optional: Arguments that need not be given; the chosen input may lack those.
    """
    wanted = {leaf[0]: leaf for leaf in right}
    for name, kind, shape in chosen:
        if name not in wanted:
            return f"{name} is not given usually"
        _, right_kind, right_shape = wanted.pop(name)
        if kind != right_kind and not (shape == right_shape == () and "bool" not in (kind, right_kind)):
            return f"{name} is {kind}, not {right_kind}"
        # One number of each example is as good as one for all, and so is a number that is no tensor.
        if len(shape) != len(right_shape) and max(*shape, *right_shape, 0) > 1:
            return f"{name} has {len(shape)} dimensions, not {len(right_shape)}"
        for place, (size, right_size) in enumerate(zip(shape, right_shape, strict=False)):
            is_batch = place == 0 and right_size == 1 and len(shape) > 1
            if far(size, right_size, within) and not (is_batch and 0 < size <= LARGEST_BATCH):
                return f"{name} is {_text(shape)}, not about {_text(right_shape)}"
    missing = [name for name in wanted if name.partition(".")[0] not in optional]
    return f"{missing[0]} is missing" if missing else ""


def far(size: int, right: int, within: float) -> bool:
    """Return whether a size is no reasonable choice where another is right.

    Two sizes of at most `FEW` are near; one of a single element is far from a larger one.
    """
    if max(size, right) <= FEW:
        return False
    small, large = sorted((size, right))
    return small == 0 or large / small > within


def _text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"
