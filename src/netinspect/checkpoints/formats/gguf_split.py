"""GGUF models split into several files, each of which records its number and the count."""

from __future__ import annotations

from netinspect.checkpoints.io.short_text import some
from netinspect.records.base import replace
from netinspect.records.checkpoint import Checkpoint

_COUNT, _NUMBER, _TENSORS = "split.count", "split.no", "split.tensors.count"


def is_split(checkpoint: Checkpoint) -> bool:
    """Return whether a file is one of several of a split model."""
    return checkpoint.format == "GGUF" and (_values(checkpoint)[_COUNT] or 1) > 1


def check_split(whole: Checkpoint, parts: list[Checkpoint]) -> Checkpoint:
    """Check the files of a split model against the counts that they record.

    Args:
        whole: The checkpoint with all files.
        parts: The files that could be read, in order.
    """
    values = [_values(part) for part in parts]
    problems: list[str] = []
    counts = {each[_COUNT] or 1 for each in values}
    numbers = [each[_NUMBER] or 0 for each in values]
    if len(counts) > 1 or len(set(numbers)) < len(numbers) or numbers != sorted(numbers):
        descriptions = [
            f"{part.files[0].name} as number {(each[_NUMBER] or 0) + 1} of {each[_COUNT] or 1}"
            for part, each in zip(parts, values, strict=True)
        ]
        problems.append(f"its files do not belong together: {some(descriptions)}")
    elif (count := counts.pop()) != len(parts) and not whole.problems:
        problems.append(f"it is one of {count:,} files, of which {len(parts):,} was read")
    elif not whole.problems and (expected := values[0][_TENSORS]) is not None:
        found = len(whole.tensors)
        if expected != found:
            problems.append(f"its files should have {expected:,} tensors and have {found:,}")
    return replace(
        whole,
        metadata=tuple(entry for entry in whole.metadata if entry.name != _NUMBER),
        problems=(*whole.problems, *problems),
    )


def _values(part: Checkpoint) -> dict[str, int | None]:
    found: dict[str, int | None] = dict.fromkeys((_COUNT, _NUMBER, _TENSORS))
    for entry in part.metadata:
        if entry.name in found and "int" in entry.type and "[" not in entry.type:
            found[entry.name] = int(entry.text)
    return found
