"""Zip and tar archives that no reader accepts, recognised by the names of their members."""

from __future__ import annotations

import re
from collections.abc import Collection

from netinspect.checkpoints.formats.table import WEIGHT_SUFFIXES
from netinspect.checkpoints.io.short_text import some
from netinspect.checkpoints.io.source import ByteSource
from netinspect.checkpoints.recognize import unreadable_as
from netinspect.checkpoints.unsupported.catalog import CATALOG
from netinspect.errors import CheckpointError

_CHECKPOINT = re.compile(rf".+\.({'|'.join(WEIGHT_SUFFIXES)}|distcp)", re.DOTALL)
_NAMED = 3
_ZIPS: tuple[tuple[str, str], ...] = (
    (r"MAR-INF/MANIFEST\.json", "torchserve"),
    (r"(?:.*/)?saved_model\.pb(?:txt)?", "saved model folder"),
    (r"(?:.*/)?Data/com\.apple\.CoreML/.*", "coreml package"),
    (r"(?:.*/)?coremldata\.bin", "coreml compiled"),
    (r"_stable_baselines3_version|pytorch_variables\.pth", "stable baselines"),
    (r"[^/]+\.dist-info/WHEEL", "wheel"),
    (r"META-INF/MANIFEST\.MF", "jar"),
    (r"\[Content_Types\]\.xml|META-INF/manifest\.xml", "office"),
    (r"(?:.*/)?(?:\.zarray|\.zgroup|zarr\.json)", "zarr"),
)
_SETS: tuple[tuple[frozenset[str], str], ...] = (
    (frozenset({"config.json", "metadata.json"}), "keras"),
    (frozenset({"model.ini", "domains/"}), "mojo"),
)


def refuse_zip(source: ByteSource, members: Collection[str], cause: str) -> CheckpointError:
    """Return the error for a zip archive with these members.

    Args:
        source: The archive.
        members: Names of the members.
        cause: Description of an archive of unknown format.
    """
    return _refuse(source, _match_zip(members), members, cause, "unzip")


def refuse_tar(source: ByteSource, members: Collection[str], cause: str) -> CheckpointError:
    """Return the error for a tar archive with these members; see `refuse_zip`."""
    return _refuse(source, _match_tar(members), members, cause, "tar -xf")


def _refuse(
    source: ByteSource, key: str | None, members: Collection[str], cause: str, command: str
) -> CheckpointError:
    if key is not None:
        return unreadable_as(source.name, CATALOG[key])
    inside = [name for name in members if _CHECKPOINT.fullmatch(name)]
    hint = f"unpack it ({command} {source.name}), and name {some(inside, _NAMED)}" if inside else None
    return CheckpointError(f"{source.name} is not a checkpoint", cause=cause, hint=hint)


def _match_zip(members: Collection[str]) -> str | None:
    inside = set(members)
    for needed, key in _SETS:
        if inside >= needed:
            return key
    for pattern, key in _ZIPS:
        if any(re.fullmatch(pattern, each) for each in inside):
            return key
    if "schema.json" in inside and all(
        each == "schema.json" or each.endswith(".npy") for each in inside
    ):
        return "skops"
    return None


def _match_tar(members: Collection[str]) -> str | None:
    names = {each.removeprefix("./") for each in members}
    if "model_config.yaml" in names and any(each.endswith((".ckpt", ".distcp")) for each in names):
        return "nemo"
    if any(each.rpartition("/")[2] == "saved_model.pb" for each in names):
        return "saved model folder"
    return None
