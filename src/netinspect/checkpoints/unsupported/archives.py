"""Identification of archives and folders by the names of their members."""

from __future__ import annotations

import re
from collections.abc import Collection

from netinspect.checkpoints.formats.table import SUFFIXES

WEIGHTS = re.compile(
    rf".+\.(?:{'|'.join(SUFFIXES)}|pth\.tar|pkl|pickle|joblib)",
    re.DOTALL | re.IGNORECASE,
)
"""Members that may be the requested file."""

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
_FOLDERS: tuple[tuple[str, str], ...] = (
    (r"coremldata\.bin", "coreml compiled"),
    (r"_CHECKPOINT_METADATA|manifest\.ocdbt|_METADATA", "orbax"),
    (r"\.zarray|\.zgroup|zarr\.json", "zarr"),
    (r".+\.data-\d{5}-of-\d{5}", "tf folder"),
    (r"group\d+-shard\d+of\d+(?:\.bin)?", "tfjs"),
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


def match_folder(names: Collection[str]) -> str | None:
    """Return the catalog key of a folder with these files and folders, or None."""
    inside = set(names)
    if inside >= {"Manifest.json", "Data"}:
        return "coreml package"
    if "variables" in inside and inside & {"saved_model.pb", "saved_model.pbtxt"}:
        return "saved model folder"
    if "config.pbtxt" in inside and any(each.isdecimal() for each in inside):
        return "triton"
    for pattern, key in _FOLDERS:
        if any(re.fullmatch(pattern, each) for each in inside):
            return key
    return None
