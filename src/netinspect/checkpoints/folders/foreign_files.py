"""Weights of other libraries, recognized by file name; they are not read."""

from __future__ import annotations

import re
from collections.abc import Iterable

_FORMATS: tuple[tuple[str, str, str], ...] = (
    (r".+\.msgpack", "Flax", "flax.serialization.msgpack_restore reads it"),
    (r"(tf_model|model|.+\.weights)\.h5|.+\.keras|.+\.hdf5", "Keras", "keras or h5py reads it"),
    (r"saved_model\.pb|keras_metadata\.pb", "TensorFlow", "tf.saved_model.load reads the folder"),
    (r".+\.ckpt.*\.index|variables\.index", "TensorFlow", "tf.train.load_checkpoint reads it"),
    (
        r"_CHECKPOINT_METADATA|manifest\.ocdbt|_METADATA",
        "Orbax (JAX)",
        "orbax.checkpoint reads the folder",
    ),
    (r".+\.ot", "tch-rs (Rust)", "torch.jit.load or tch reads it"),
    (r"openvino_model.*\.xml", "OpenVINO", "openvino reads it"),
    (r".+\.tflite", "TensorFlow Lite", "ai-edge-litert reads it"),
    (r".+\.pdparams|.+\.pdiparams", "PaddlePaddle", "paddle.load reads it"),
    (r".+\.(mlmodel|mlpackage|mlmodelc)", "Core ML", "coremltools reads it"),
    (r".+\.params", "MXNet", "mxnet.nd.load reads it"),
    (r".+\.engine|.+\.plan", "TensorRT", "only the TensorRT that built it reads it"),
    (r".+\.pte", "ExecuTorch", "executorch.runtime reads it"),
)
_KNOWN = tuple((re.compile(pattern, re.DOTALL), what, reader) for pattern, what, reader in _FORMATS)


def foreign_weights(names: Iterable[str]) -> list[tuple[str, str]]:
    """Find weights of other libraries among the files of a folder.

    Returns:
        The name of each file, and a clause with its library and a program that reads it.
    """
    return [
        (name, f"{name} is of {what}: {reader}")
        for name in sorted(names)
        for pattern, what, reader in _KNOWN
        if pattern.fullmatch(name)
    ]
