"""Unsupported zip and tar archives, recognised by the names of their members.

`formats/zip_files.py` and `formats/torch_tar.py` ask when no reader accepts an archive.
"""

from __future__ import annotations

import re
from collections.abc import Collection

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


def match_zip(members: Collection[str]) -> str | None:
    """Return the catalog key of a zip archive with these members, or None."""
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


def match_tar(members: Collection[str]) -> str | None:
    """Return the catalog key of a tar archive with these members, or None."""
    names = {each.removeprefix("./") for each in members}
    if "model_config.yaml" in names and any(each.endswith((".ckpt", ".distcp")) for each in names):
        return "nemo"
    if any(each.rpartition("/")[2] == "saved_model.pb" for each in names):
        return "saved model folder"
    return None
