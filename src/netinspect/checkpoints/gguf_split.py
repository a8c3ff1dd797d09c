"""GGUF models in several files: each says how many there are, and their names count them."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import Any

from netinspect.checkpoints.gguf import read_gguf_file
from netinspect.checkpoints.read import join
from netinspect.checkpoints.source import LocalSource, Source
from netinspect.checkpoints.text import some
from netinspect.errors import CheckpointError, LoadError
from netinspect.records.checkpoint import Checkpoint

_SPLIT_NAME = re.compile(r"(?s)(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf")
_COUNT, _NUMBER, _TENSORS = "split.count", "split.no", "split.tensors.count"


def read_gguf(source: Source) -> Checkpoint:
    """Read a GGUF file; with the files beside it where it is one of several that make a model.

    A file that is missing or damaged is a problem of the whole, and the others are read.

    Raises:
        CheckpointError: It breaks a rule of the format.
        LoadError: It cannot be read.
    """
    checkpoint, values = read_gguf_file(source)
    count = values.get(_COUNT)
    if type(count) is not int or count < 2:
        return checkpoint
    match = _SPLIT_NAME.fullmatch(os.path.basename(source.path))
    if match is None or int(match["count"]) != count or source.remote:
        problem = f"it is one of {count:,} files, and the others are not found by its name"
        return replace(checkpoint, problems=(problem,))
    return _Whole(source, match["stem"], count).read(checkpoint, values)


class _Whole:
    """All files of one model, as far as they are there."""

    def __init__(self, source: Source, stem: str, count: int) -> None:
        self._source = source
        self._stem = stem
        self._count = count
        self._missing: list[str] = []
        self._problems: list[str] = []

    def read(self, own: Checkpoint, values: dict[str, Any]) -> Checkpoint:
        """Read the others; join them in their order."""
        named = os.path.basename(self._source.path)
        parts: list[Checkpoint] = []
        for number in range(self._count):
            name = f"{self._stem}-{number + 1:05d}-of-{self._count:05d}.gguf"
            part = (own, values) if name == named else self._beside(name)
            if part is not None:
                self._check_number(name, number, part[1])
                parts.append(part[0])
        if self._missing:
            self._problems.append(f"{some(self._missing)} of its {self._count:,} files cannot be found")
        whole = join(self._source.name, parts)
        self._check_tensors(whole, values.get(_TENSORS), complete=len(parts) == self._count)
        return replace(
            whole,
            metadata=tuple(entry for entry in whole.metadata if entry.name != _NUMBER),
            problems=(*self._problems, *whole.problems),
        )

    def _beside(self, name: str) -> tuple[Checkpoint, dict[str, Any]] | None:
        path = os.path.join(os.path.dirname(self._source.path), name)
        if not os.path.lexists(path):
            self._missing.append(name)
            return None
        try:
            with LocalSource(path, name) as source:
                if source.read(0, min(4, source.size)) != b"GGUF":
                    raise CheckpointError(f"{name} is not a GGUF file")
                part = read_gguf_file(source)
                source.check_unchanged()
        except LoadError as error:
            self._problems.append(f"{name}: {error.cause or error.message}")
            return None
        return part

    def _check_number(self, name: str, number: int, values: dict[str, Any]) -> None:
        if values.get(_NUMBER) != number or values.get(_COUNT) != self._count:
            self._problems.append(
                f"{name} says it is file {values.get(_NUMBER)} of {values.get(_COUNT)}, counted from 0"
            )

    def _check_tensors(self, whole: Checkpoint, expected: Any, complete: bool) -> None:
        names = {tensor.name for tensor in whole.tensors}
        if len(names) != len(whole.tensors):
            self._problems.append("some tensors stand in several of its files")
        elif complete and type(expected) is int and expected != len(names):
            self._problems.append(f"it should have {expected:,} tensors and has {len(names):,}")
