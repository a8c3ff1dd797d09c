"""First bytes of files, put together from the specification of each format, for tests of recognition."""

from __future__ import annotations

import struct

import numpy as np

from tests.checkpoints.hostile.formats import field

_WEIGHTS = (np.arange(40, dtype="<f4") / 7 - 2).tobytes()


SPECIFIED: dict[str, tuple[str, bytes]] = {
    # The name of the file, its format in the catalog, and its bytes.
    "model.ptd": ("executorch data", b"\x20\0\0\0FT01" + bytes(60)),
    "model.ms": ("mindspore lite", b"\x20\0\0\0MSL2" + bytes(60)),
    "model.engine": ("tensorrt", b"ftrt\x00\x01" + bytes(60)),
    "yolo.engine": ("tensorrt", struct.pack("<I", 13) + b'{"stride":32}' + b"ftrt\0\1" + bytes(20)),
    "model.rknn": ("rknn", b"RKNN\0\0\0\0" + bytes(60)),
    "model.hef": ("hailo", b"\x01HEF\0\0\0\1" + bytes(20)),
    "model.kmodel": ("kmodel", b"LDMK\5\0\0\0" + bytes(20)),
    "ggml-tiny.bin": ("ggml", b"lmgg" + struct.pack("<i", 51864) + bytes(40)),
    "old.bin": ("ggml", b"tjgg" + struct.pack("<ii", 3, 32000) + bytes(40)),
    "lora.bin": ("ggml lora", b"algg" + struct.pack("<ii", 1, 8)),
    "model.llamafile": ("llamafile", b"MZqFpD='\n\0" + bytes(60)),
    "model.param": ("ncnn param", b"7767517\n2 2\nInput data 0 1 data\n"),
    "model.param.bin": ("ncnn binary param", struct.pack("<iii", 7767517, 2, 2)),
    "weights.bin": ("ncnn weights", struct.pack("<I", 0x01306B47) + bytes(40)),
    "model.tnnproto": ("tnn", b'"1 2 1 4206624772 ,"\n"data 4 1 3 8 8 0 ,"\n'),
    "deploy.prototxt": (
        "prototxt",
        b'name: "net"\nlayer {\n  name: "conv1"\n  type: "Convolution"\n  bottom: "data"\n}\n',
    ),
    "net.caffemodel": (
        "caffe",
        field(1, b"LeNet")
        + field(100, field(1, b"conv1") + field(2, b"Convolution") + field(3, b"data")),
    ),
    "old.caffemodel": (
        "caffe",
        field(1, b"CaffeNet")
        + field(2, field(2, b"data") + field(3, b"x") + field(4, b"conv1") + field(5, 4)),
    ),
    "init_net.pb": (
        "caffe2",
        field(1, b"init") + field(2, field(2, b"conv1_w") + field(4, b"GivenTensorFill")),
    ),
    "model.cntk": ("cntk", b"B\0C\0N\0\0\0" + bytes(20)),
    "model.dnn": (
        "cntk",
        field(1, 1)
        + field(2, field(1, b"root") + field(2, field(1, 1)))
        + field(2, field(1, b"uid") + field(2, b"")),
    ),
    "yolo.weights": ("darknet", struct.pack("<iiiQ", 0, 2, 5, 32013312) + _WEIGHTS),
    "yolo.cfg": ("darknet cfg", b"# a comment\n\n[net]\nbatch=1\n[convolutional]\nfilters=16\n"),
    "model.t7": (
        "torch7",
        struct.pack("<iii", 4, 1, 3) + b"V 1" + struct.pack("<i", 17) + b"torch.FloatTensor",
    ),
    "ascii.t7": ("torch7", b"4\n1\n3\nV 1\n17\ntorch.FloatTensor\n"),
    "table.t7": ("torch7 table", struct.pack("<iiiii", 3, 1, 1, 2, 5) + b"epoch" + bytes(12)),
    "vectors.txt": ("glove", b"the 0.1 -0.2 0.3 0.4 1e-3\nof 0.5 0.6 -0.7 0.8 0.9\nto 1 2 3 4 5\n"),
    "model.svm": ("libsvm", b"svm_type c_svc\nkernel_type rbf\ngamma 0.5\n"),
    "model.pmml": ("pmml", b'<?xml version="1.0"?>\n<!-- a comment -->\n<PMML xmlns="x" version="4.4">'),
    "model.mlirbc": ("mlir", b"ML\xefR\x0dStableHLO_v1.0\0"),
    "v73.mat": ("matlab 7.3", b"MATLAB 7.3 MAT-file, Platform: GLNXA64" + bytes(90)),
    "model.json": (
        "tfjs",
        b'{"format": "layers-model", "modelTopology": {"a": 1}, "weightsManifest": []}',
    ),
    "keras.json": ("keras json", b'{"class_name": "Sequential", "config": {"layers": []}}'),
    "config.json": ("config json", b'{"architectures": ["Bert"], "model_type": "bert"}'),
    "adapter_config.json": ("adapter json", b'{"peft_type": "LORA", "r": 8}'),
    "part.index": ("index json", b'{"metadata": {}, "weight_map": {"a": "b.safetensors"}}'),
    "catboost.json": (
        "catboost json",
        b'{"features_info": {}, "model_info": {}, "oblivious_trees": []}',
    ),
    "notebook.ipynb": ("notebook", b'{"cells": [], "metadata": {}, "nbformat": 4}'),
    ".zarray": ("zarr metadata", b'{"zarr_format": 2, "shape": [3]}'),
    "config.pbtxt": ("triton config", b'name: "m"\nplatform: "onnxruntime_onnx"\nmax_batch_size: 8\n'),
    "weights/weight.bin": (
        "coreml weights",
        struct.pack("<II", 2, 2) + bytes(56) + struct.pack("<II", 0xDEADBEEF, 1) + bytes(50),
    ),
    # What is not a model.
    "pointer.pt": ("lfs", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n"),
    "page.pt": ("html", b"\n<!DOCTYPE html>\n<html><body>Sign in</body></html>"),
    "page2.pt": ("html", b"<!-- saved -->\n<HTML>\n"),
    "denied.pt": ("xml error", b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'),
    "missing.pt": ("hub error", b"Entry not found"),
    "gated.pt": (
        "hub error",
        b"Access to model a/b is restricted. You must be authenticated to access it.",
    ),
    "error.pt": ("hub error", b'{"error":"Repository not found"}'),
    "book.pt": ("pdf", b"%PDF-1.7\n"),
    "image.pt": ("png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    "photo.pt": ("jpeg", b"\xff\xd8\xff\xe0\0\x10JFIF\0"),
    "library.pt": ("elf", b"\x7fELF\2\1\1" + bytes(20)),
    "program.pt": ("pe", b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0"),
    "module.pt": ("pyc", struct.pack("<HHIII", 3495, 0x0A0D, 0, 0, 9) + b"\xe3"),
    "data.pt": ("sqlite", b"SQLite format 3\0"),
    "packed.7z": ("7z", b"7z\xbc\xaf\x27\x1c\0\4"),
    "packed.rar": ("rar", b"Rar!\x1a\x07\1\0"),
    "packed.Z": ("compress", b"\x1f\x9d\x90" + bytes(8)),
    "packed.sz": ("snappy", b"\xff\x06\0\0sNaPpY"),
    "packed.lz": ("lzip", b"LZIP\1\x0c"),
    "packed.lzo": ("lzo", b"\x89LZO\0\r\n\x1a\n"),
}

ZIPS: dict[str, tuple[str, ...]] = {
    "keras": ("metadata.json", "config.json", "model.weights.h5"),
    "torchserve": ("MAR-INF/MANIFEST.json", "model.pt"),
    "stable baselines": ("data", "pytorch_variables.pth", "policy.pth"),
    "coreml package": ("m.mlpackage/Manifest.json", "m.mlpackage/Data/com.apple.CoreML/model.mlmodel"),
    "saved model folder": ("m/saved_model.pb", "m/variables/variables.index"),
    "wheel": ("a/__init__.py", "a-1.dist-info/WHEEL"),
}
FOLDERS: dict[str, tuple[str, ...]] = {
    "saved model folder": ("saved_model.pb", "variables/variables.index"),
    "coreml package": ("Manifest.json", "Data/com.apple.CoreML/model.mlmodel"),
    "coreml compiled": ("coremldata.bin", "model.mil"),
    "orbax": ("_METADATA", "manifest.ocdbt", "d/0"),
    "zarr": (".zgroup", "w/.zarray"),
    "tf folder": ("checkpoint", "model-1.index", "model-1.data-00000-of-00001"),
    "tfjs": ("model.json", "group1-shard1of1.bin"),
    "triton": ("config.pbtxt", "1/model.onnx"),
}
