"""Identification of unsupported formats by file name, for folders and for files of unknown content."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from netinspect.checkpoints.unsupported.catalog import CATALOG
from netinspect.checkpoints.unsupported.format import UnreadFormat

_WEIGHTS: tuple[tuple[str, str], ...] = (
    (r".+\.mnn", "mnn"),
    (r".+\.tflite", "tflite"),
    (r".+\.mlmodel", "coreml"),
    (r".+\.mlpackage", "coreml package"),
    (r".+\.mlmodelc", "coreml compiled"),
    (r".+\.pte", "executorch"),
    (r".+\.ort", "ort"),
    (r".+\.(?:engine|trt|plan)", "tensorrt"),
    (r".+\.rknn", "rknn"),
    (r".+\.hef", "hailo"),
    (r".+\.params", "mxnet"),
    (r".+\.pdi?params", "paddle weights"),
    (r".+\.mindir", "mindir"),
    (r".+\.caffemodel", "caffe"),
    (r".+\.msgpack", "flax"),
    (r".+\.cbm", "catboost"),
    (r".+\.keras", "keras"),
    (r"(?:tf_model|model|.+\.weights)\.h5|.+\.hdf5", "keras hdf5"),
    (r"saved_model\.pb|keras_metadata\.pb", "saved model"),
    (r".+\.ckpt.*\.index|variables\.index", "tf index"),
    (r"_CHECKPOINT_METADATA|manifest\.ocdbt|_METADATA", "orbax"),
    (r"openvino_model.*\.xml", "openvino"),
    (r".+\.ot", "tch-rs"),
)
"""Names that in a folder are those of weights."""

_OTHERS: tuple[tuple[str, str], ...] = (
    (r".+\.om", "ascend"),
    (r".+\.pdmodel", "paddle program"),
    (r".+\.weights", "darknet"),
    (r".+\.t7", "torch7"),
    (r".+\.h5", "hdf5"),
    (r".+\.ubj", "xgboost ubj"),
    (r".+\.mat", "matlab"),
    (r".+\.index", "tf index"),
    (r".+\.data-\d{5}-of-\d{5}", "tf data"),
)
"""Names that other files have too, which describe a file only if its content is unknown."""


def _compile(rows: Iterable[tuple[str, str]]) -> tuple[tuple[re.Pattern[str], UnreadFormat], ...]:
    return tuple((re.compile(name, re.DOTALL | re.IGNORECASE), CATALOG[key]) for name, key in rows)


_KNOWN_WEIGHTS, _KNOWN_OTHERS = _compile(_WEIGHTS), _compile(_OTHERS)


def format_by_name(path: str) -> UnreadFormat | None:
    """Return the format that the name of a file suggests, or None."""
    name = os.path.basename(path)
    known = (*_KNOWN_WEIGHTS, *_KNOWN_OTHERS)
    return next((unread for pattern, unread in known if pattern.fullmatch(name)), None)


def foreign_weights(names: Iterable[str]) -> list[tuple[str, str]]:
    """Find weights of other libraries among the files of a folder.

    Returns:
        The name of each file, and a clause with its format and a program that reads it.
    """
    return [
        (name, f"{name} is {unread.name}: {unread.advice(name)}")
        for name in sorted(names)
        for pattern, unread in _KNOWN_WEIGHTS
        if pattern.fullmatch(name)
    ]
