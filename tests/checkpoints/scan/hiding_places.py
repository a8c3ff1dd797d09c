"""Files with code that a scan could overlook; none of them is ever loaded.

Each entry has the file name, a function that returns the bytes, and the text that the report must
contain: the hidden name, the member, or a word of the reason.
"""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import lzma
import marshal
import pickle
import struct
import tarfile
import zipfile
import zlib

from tests.checkpoints.hostile.parts import state
from tests.checkpoints.scan.hiding_parts import (
    CALL,
    EVIL,
    EVIL_0,
    NAME,
    PICKLE,
    PNG,
    Make,
    gguf,
    joblib_array,
    nested,
    npy,
    safetensors,
    symlink_tar,
    tar_with_comment,
    tarred,
    torch_file,
    unlisted_member,
    v7_tar,
    v_line_safetensors,
    zipped,
)
from tests.checkpoints.zips import Directory, Part, build

ONE_BYTE = npy("'|u1'", b"\0")
STRUCTURE = [("a", "f4"), ("b", "O")]

FILES: dict[str, tuple[str, Make, str]] = {
    # A pickle, in some way.
    "plain": ("m.pkl", lambda: EVIL, NAME),
    "without a suffix": ("model", lambda: EVIL, NAME),
    "called text": ("notes.txt", lambda: EVIL, NAME),
    "called JSON": ("config.json", lambda: EVIL_0, NAME),
    "of protocol 0 in text": ("readme.md", lambda: b"MODEL1\n" + EVIL_0 + b"\n", "pickle"),
    "second in the stream": ("m.pkl", lambda: PICKLE + EVIL, NAME),
    "third after zeros": ("m.pkl", lambda: PICKLE + PICKLE + b"\0" * 700 + EVIL, NAME),
    "after a pickle and rubbish": ("m.pkl", lambda: PICKLE + b"\xfe\xff" + EVIL, "from byte"),
    "after some bytes": ("m.bin", lambda: b"\xfeHEAD" + EVIL, "unknown"),
    "after zeros": ("m.bin", lambda: b"\0" * 512 + EVIL, NAME),
    "objects left on the stack": ("m.pkl", lambda: b"\x80\x02K\x01" + CALL + b".", NAME),
    "a list set by index first": ("m.txt", lambda: b"]NaI0\nI1\ns0" + EVIL_0, NAME),
    "after an append to a number": ("m.pkl", lambda: b"\x80\x02K\x01Na0" + CALL + b".", NAME),
    "after an unknown memo": ("m.pkl", lambda: b"\x80\x02h\x070" + CALL + b".", NAME),
    "after a state for a class": ("m.pkl", lambda: b"\x80\x02ca\nB\n}b0" + CALL + b".", NAME),
    "after a state for a number": ("m.pkl", lambda: b"\x80\x02K\x01}b0" + CALL + b".", NAME),
    "after an item of a list": ("m.pkl", lambda: b"\x80\x02]NaK\0K\x01s0" + CALL + b".", NAME),
    "after a call of a number": ("m.pkl", lambda: b"\x80\x02K\x01)R0" + CALL + b".", NAME),
    "after a call without a tuple": ("m.pkl", lambda: b"\x80\x02ca\nb\n]R0" + CALL + b".", NAME),
    "after a wrong number": ("m.pkl", lambda: b"\x80\x02Ione\n0" + CALL + b".", NAME),
    "after a wrong text": ("m.pkl", lambda: b"\x80\x02X\x01\0\0\0\xff0" + CALL + b".", NAME),
    "after an underflow": ("m.pkl", lambda: b"\x80\x020" + CALL + b".", NAME),
    "after a missing mark": ("m.pkl", lambda: b"\x80\x02t0" + CALL + b".", NAME),
    "after an external buffer": ("m.pkl", lambda: b"\x80\x05\x97\x980" + CALL + b".", NAME),
    "of protocol 9": ("m.pkl", lambda: b"\x80\x09" + CALL + b".", NAME),
    "an extension code": ("m.pkl", lambda: b"\x80\x02\x82\x05)R.", "copyreg"),
    "a long extension code": ("m.pkl", lambda: b"\x80\x02\x84\x05\x01\0\0)R.", "copyreg"),
    "a computed name": (
        "m.pkl",
        lambda: b"\x80\x04\x8c\x05posix\x8c\x03sys\x8c\x03tem\x86cbuiltins\nlen\n\x93)R.",
        "<computed>",
    ),
    "a name from the memo": (
        "m.pkl",
        lambda: b"\x80\x04\x8c\x06system\x940\x8c\x05posix\x940h\x01h\x00\x93\x8c\x01x\x85R.",
        NAME,
    ),
    "a memo with gaps": (  # MEMOIZE uses the number of memo entries, each counted once
        "m.pkl",
        lambda: (
            b"\x80\x04\x8c\x01aq\x02q\x00q\x01q\x020\x8c\x0bcollections\x94\x8c\x05posix\x940"
            b"\x8c\x06system\x94000h\x04h\x05\x93\x8c\x01x\x85R."
        ),
        NAME,
    ),
    "INST": ("m.pkl", lambda: b"(S'touch MARK'\niposix\nsystem\n.", NAME),
    "OBJ": ("m.pkl", lambda: b"(cposix\nsystem\nS'touch MARK'\no.", NAME),
    "NEWOBJ_EX": ("m.pkl", lambda: b"\x80\x04cposix\nsystem\n\x8c\x01x\x85}\x92.", NAME),
    "getattr of getattr": (
        "m.pkl",
        lambda: b"cbuiltins\ngetattr\n(cos\nmkdir\nS'__self__'\ntR(S'x'\ntR.",
        "builtins.getattr",
    ),
    "a persistent id": ("m.pkl", lambda: b"\x80\x02X\x03\0\0\0abcQ.", "outside itself"),
    "a persistent id in a line": ("m.pkl", lambda: b"Pabc\n.", "outside itself"),
    "cut short": ("m.pkl", lambda: EVIL[:-1], NAME),
    "cut before its call": ("m.pkl", lambda: PICKLE[:-3], "m.pkl"),
    "a byte that is not an opcode": ("m.pkl", lambda: b"\x80\x02K\x01\xff" + CALL + b".", "m.pkl"),
    "a frame with a wrong length": (
        "m.pkl",
        lambda: b"\x80\x04\x95" + struct.pack("<Q", 1 << 40) + CALL + b".",
        NAME,
    ),
    "a needed name with a dot": (
        "m.pkl",
        lambda: b"\x80\x04\x8c\x05torch\x8c\x16FloatStorage.os.system\x93)R.",
        "torch.FloatStorage.os.system",
    ),
    "lines of another system": ("m.txt", lambda: EVIL_0.replace(b"\n", b"\r\n"), "pickle"),
    "after a plain pickle in text": ("m.txt", lambda: b"N." + EVIL_0, NAME),
    "after more objects than there is memory": (
        "m.pkl",
        lambda: b"\x80\x02" + b"}0" * 1_600_000 + CALL + b".",
        NAME,
    ),
    "a zip that a storage would be": (
        "m.pkl",
        lambda: (
            lambda data: (
                b"\x80\x03ctorch.storage\n_load_from_bytes\nB"
                + struct.pack("<I", len(data))
                + data
                + b"\x85R."
            )
        )(torch_file(Part("a/y", EVIL))),
        NAME,
    ),
    # joblib
    "after an array of joblib": (
        "m.joblib",
        lambda: b"\x80\x02](" + joblib_array(b"f4", b"\xff" * 8) + CALL + b"e.",
        NAME,
    ),
    "after a padded array of joblib": (
        "m.joblib",
        lambda: b"\x80\x02](" + joblib_array(b"f8", b"\xff" * 16, padded=True) + CALL + b"e.",
        NAME,
    ),
    "in an array of joblib": (
        "m.joblib",
        lambda: b"\x80\x02](" + joblib_array(b"O8", EVIL) + b"Ne.",
        NAME,
    ),
    "after objects of joblib": (
        "m.joblib",
        lambda: b"\x80\x02](" + joblib_array(b"O8", PICKLE) + CALL + b"e.",
        NAME,
    ),
    "after an array of joblib of unknown type": (
        "m.joblib",
        lambda: b"\x80\x02](" + joblib_array(b"??", b"\xff" * 8) + CALL + b"e.",
        "m.joblib",
    ),
    "an array of joblib in another file": (
        "m.joblib",
        lambda: (
            b"\x80\x02cjoblib.numpy_pickle\nNDArrayWrapper\n)\x81}X\x08\0\0\0filename"
            b"X\x09\0\0\0m_01.npy.sb."
        ),
        "m_01.npy",
    ),
    # Compressed.
    "gzip": ("m.pkl.gz", lambda: gzip.compress(EVIL), NAME),
    "bzip2": ("m.pkl", lambda: bz2.compress(EVIL), NAME),
    "xz": ("m.pt", lambda: lzma.compress(EVIL), NAME),
    "lzma": ("m.pt", lambda: lzma.compress(EVIL, lzma.FORMAT_ALONE), NAME),
    "zlib": ("m.z", lambda: zlib.compress(EVIL), NAME),
    "zlib of old joblib": (
        "m.z",
        lambda: b"ZF" + hex(len(EVIL)).encode().ljust(20) + zlib.compress(EVIL),
        NAME,
    ),
    "gzip twice": ("m.gz", lambda: gzip.compress(gzip.compress(EVIL)), NAME),
    "second part of gzip": ("m.gz", lambda: gzip.compress(PICKLE) + gzip.compress(EVIL), NAME),
    "after gzip": ("m.gz", lambda: gzip.compress(b"text") + EVIL, NAME),
    "gzip cut short": ("m.gz", lambda: gzip.compress(EVIL)[:-20], "m.gz"),
    "a bomb": ("m.gz", lambda: gzip.compress(bytes(65 << 20), 1), "more than"),
    "Zstandard": ("m.zst", lambda: b"\x28\xb5\x2f\xfd" + EVIL, "Zstandard"),
    "LZ4": ("m.lz4", lambda: b"\x04\x22\x4d\x18" + EVIL, "LZ4"),
    "7z": ("m.7z", lambda: b"7z\xbc\xaf\x27\x1c" + EVIL, "7z"),
    # zip
    "a member called text": ("m.zip", lambda: zipped(("a.txt", EVIL)), NAME),
    "a compressed member": ("m.zip", lambda: zipped(("a", EVIL), method=zipfile.ZIP_DEFLATED), NAME),
    "a member by bzip2": ("m.zip", lambda: zipped(("a", EVIL), method=zipfile.ZIP_BZIP2), "method 12"),
    "an encrypted member": (
        "m.zip",
        lambda: build([Part("a", b"text"), Part("evil.pkl", b"?" * 40, flags=1)]),
        "evil.pkl",
    ),
    "a zip after text": ("m.pt", lambda: b"#!/bin/sh\n" + torch_file(Part("a/x", EVIL)), NAME),
    "a zip after a pickle": ("m.pt", lambda: PICKLE + zipped(("x", EVIL)), NAME),
    "a zip after an image": ("m.png", lambda: PNG + zipped(("x", EVIL)), NAME),
    "a zip in safetensors": (
        "m.safetensors",
        lambda: (
            lambda data: safetensors(
                b'{"w":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}' % (len(data), len(data)), data
            )
        )(zipped(("x", EVIL))),
        NAME,
    ),
    "after a zip": ("m.zip", lambda: zipped(("a", b"text")) + EVIL, NAME),
    "the comment of a zip": (
        "m.zip",
        lambda: build([Part("a", b"text")], Directory(comment=EVIL)),
        NAME,
    ),
    "the comment of a member": ("m.zip", lambda: build([Part("a", b"text", comment=EVIL)]), NAME),
    "before the directory of a zip": ("m.zip", unlisted_member, "m.zip"),
    "two members of one name": (
        "m.pt",
        lambda: build([Part("a/data.pkl", PICKLE), Part("a/data.pkl", EVIL)]),
        "two members",
    ),
    "two members but for case": (
        "m.pt",
        lambda: build([Part("a/data.pkl", PICKLE), Part("a/DATA.PKL", EVIL)]),
        "DATA.PKL",
    ),
    "another name in front": ("m.zip", lambda: build([Part("a", EVIL, local_name="b")]), NAME),
    "another size in front": ("m.zip", lambda: build([Part("a", EVIL, local_size=2)]), "own header"),
    "a folder with bytes": ("m.zip", lambda: zipped(("a/", EVIL)), NAME),
    "a storage that no pickle names": (
        "m.pt",
        lambda: torch_file(Part("a/data/1", b"\xfe\x00\x01")),
        "a/data/1",
    ),
    "a storage that is a pickle": ("m.pt", lambda: torch_file(data=EVIL[:16] + EVIL[16:]), NAME),
    "a pickle among storages": ("m.pt", lambda: torch_file(Part("a/data/1", EVIL)), NAME),
    "an extra file": ("m.pt", lambda: torch_file(Part("a/extra/x", EVIL)), NAME),
    "constants": ("m.pt", lambda: torch_file(Part("a/constants.pkl", EVIL)), NAME),
    "an archive in the archive": (
        "m.pt",
        lambda: torch_file(Part("a/x.dat", zipped(("y", EVIL)))),
        NAME,
    ),
    "a package of torch.package": (
        "m.pt",
        lambda: build(
            [
                Part("m/.data/extern_modules", b"torch\n"),
                Part("m/.data/version", b"6\n"),
                Part("m/code/net.py", b"import os\n"),
            ]
        ),
        "torch.package",
    ),
    "code in a zip": ("m.zip", lambda: zipped(("handler.py", b"import os\n")), "handler.py"),
    "a library in a zip": ("m.pt2", lambda: zipped(("a/w.so", b"\x7fELF" + bytes(60))), "a/w.so"),
    "TorchServe": (
        "m.mar",
        lambda: zipped(("MAR-INF/MANIFEST.json", b"{}"), ("notes.txt", b"x")),
        "TorchServe",
    ),
    "Keras": ("m.keras", lambda: zipped(("metadata.json", b"{}"), ("config.json", b"{}")), "Keras"),
    "skops": ("m.skops", lambda: zipped(("schema.json", b'{"__loader__": "x"}')), "skops"),
    "base64 in stable-baselines3": (
        "m.zip",
        lambda: zipped(("data", json.dumps({"p": {":serialized:": "gAWV"}}).encode())),
        "base64",
    ),
    "a bomb in a zip": (
        "m.zip",
        lambda: zipped(("a.txt", bytes(65 << 20)), method=zipfile.ZIP_DEFLATED),
        "more than",
    ),
    "deep in archives": ("m.zip", lambda: nested(6), NAME),
    "too deep in archives": ("m.zip", lambda: nested(20), "deeper"),
    "an extra field": (
        "m.zip",
        lambda: build([Part("a", b"x", extra=struct.pack("<HH", 0x9999, len(EVIL)) + EVIL)]),
        NAME,
    ),
    "a member that only the pickle calls a storage": (
        "m.pt",
        lambda: build(
            [
                Part("a/data.pkl", state().replace(b"\x01\0\0\x000q", b"\x06\0\0\x00../w.gq")),
                Part("a/w.g", gzip.compress(EVIL)),
            ]
        ),
        NAME,
    ),
    "compressed code": ("net.py.gz", lambda: gzip.compress(b"import os\n"), "Python code"),
    # tar
    "tar": (
        "m.nemo",
        lambda: tarred(("./c.yaml", b"a: 1"), ("./w.ckpt", torch_file(Part("x", EVIL)))),
        NAME,
    ),
    "tar.gz": ("m.nemo", lambda: tarred(("w.pkl", EVIL), mode="w:gz"), NAME),
    "tar.xz": ("m.bin", lambda: tarred(("w.pkl", EVIL), mode="w:xz"), NAME),
    "tar of Unix": ("m.tar", lambda: v7_tar(b"w", EVIL), NAME),
    "a long name in tar": ("m.tar", lambda: tarred(("n" * 300, EVIL)), NAME),
    "tar of pax": ("m.tar", lambda: tarred(("é" * 90, EVIL), form=tarfile.PAX_FORMAT), NAME),
    "a link in tar": ("m.tar", lambda: symlink_tar(tarfile.SYMTYPE, "/etc/passwd"), "/etc/passwd"),
    "a hard link in tar": ("m.tar", lambda: symlink_tar(tarfile.LNKTYPE, "../x"), "../x"),
    "a device in tar": ("m.tar", lambda: symlink_tar(tarfile.CHRTYPE, ""), "device"),
    "a sparse file in tar": ("m.tar", lambda: symlink_tar(tarfile.GNUTYPE_SPARSE, ""), "sparse"),
    "a header of tar": ("m.tar", lambda: tar_with_comment(EVIL_0.decode()), "a header"),
    "after tar": ("m.tar", lambda: tarred(("a", b"text")) + EVIL, NAME),
    "a tar after tar": ("m.tar", lambda: tarred(("a", b"text")) + tarred(("b", EVIL)), NAME),
    "in the last block of tar": (
        "m.tar",
        lambda: (lambda raw: raw[:516] + EVIL + raw[516 + len(EVIL) :])(tarred(("a", b"text"))),
        NAME,
    ),
    "a tar that starts like a pickle": ("m.pt", lambda: v7_tar(b"(dp0\n.", EVIL), NAME),
    "torch's tar, a second pickle": (
        "m.pt",
        lambda: tarred(
            ("storages", pickle.dumps(0, 2) + pickle.dumps([], 2)),
            ("tensors", pickle.dumps(0, 2)),
            ("pickle", PICKLE + EVIL),
        ),
        "pickle",
    ),
    "torch's tar, another member": (
        "m.pt",
        lambda: tarred(
            ("storages", pickle.dumps(0, 2) + pickle.dumps([], 2)),
            ("tensors", pickle.dumps(0, 2)),
            ("pickle", PICKLE),
            ("more", EVIL),
        ),
        NAME,
    ),
    # NumPy
    "an array of objects": ("m.npy", lambda: npy("'|O'", EVIL), NAME),
    "a structure with objects": ("m.npy", lambda: npy(str(STRUCTURE), EVIL), NAME),
    "objects in a structure in a structure": (
        "m.npy",
        lambda: npy("[('x', [('y', '<i4'), ('z', '|O', (2,))])]", EVIL),
        NAME,
    ),
    "after an array": ("m.npy", lambda: ONE_BYTE + EVIL, NAME),
    "objects after an array": ("m.npy", lambda: ONE_BYTE + npy("'|O'", EVIL), NAME),
    "objects in npz": ("m.npz", lambda: zipped(("a.npy", ONE_BYTE), ("b.npy", npy("'|O'", EVIL))), NAME),
    "not an array in npz": ("m.npz", lambda: zipped(("a.npy", EVIL)), NAME),
    "after an array in npz": ("m.npz", lambda: zipped(("a.npy", ONE_BYTE + EVIL)), NAME),
    # Formats of weights
    "after safetensors": ("m.safetensors", lambda: safetensors(b"{}") + EVIL, "safetensors"),
    "safetensors that are a pickle": ("m.safetensors", v_line_safetensors, NAME),
    "base64 in safetensors": (
        "m.safetensors",
        lambda: safetensors(
            json.dumps({"__metadata__": {"x": base64.b64encode(EVIL).decode()}}).encode()
        ),
        "base64",
    ),
    "after GGUF": ("m.gguf", lambda: gguf(0) + EVIL, NAME),
    "in a gap of GGUF": ("m.gguf", lambda: gguf(64)[:-64] + EVIL.ljust(64) + bytes(32), "not packed"),
    "in a type that GGUF has not": ("m.gguf", lambda: gguf(0, 250) + EVIL, "unknown types"),
    "after GGUF without tensors": (
        "m.gguf",
        lambda: struct.pack("<4sIQQ", b"GGUF", 3, 0, 0) + bytes(8) + EVIL,
        NAME,
    ),
    # Images
    "after PNG": ("m.png", lambda: PNG + EVIL, NAME),
    "after GIF": ("m.gif", lambda: b"GIF89a\1\0\1\0\0\0\0;" + EVIL, NAME),
    "after JPEG": ("m.jpg", lambda: b"\xff\xd8\xff\xda\0\2\1\2\3\4\xff\xd9" + EVIL, NAME),
    "after WebP": ("m.webp", lambda: b"RIFF\x08\0\0\0WEBPVP8 " + EVIL, NAME),
    "an image that is cut": ("m.png", lambda: PNG[:-20] + EVIL, "m.png"),
    # What other loaders run
    "Python code": ("net.py", lambda: b"import os\n", "Python code"),
    "a script": ("run", lambda: b"#!/bin/sh\nrm x\n", "script"),
    "a path file": ("m.pth", lambda: b"import os; os.system('touch MARK')\n", "path file"),
    "HDF5": ("m.h5", lambda: b"\x89HDF\r\n\x1a\n" + EVIL, "HDF5"),
    "SQLite": ("m.db", lambda: b"SQLite format 3\0" + EVIL, "SQLite"),
    "Parquet": ("m.parquet", lambda: b"PAR1" + EVIL + b"PAR1", "Parquet"),
    "Arrow": ("m.arrow", lambda: b"ARROW1\0\0" + EVIL, "Arrow"),
    "CatBoost": ("m.cbm", lambda: b"CBM1" + bytes(20), "CatBoost"),
    "TensorFlow Lite": ("m.tflite", lambda: b"\x1c\0\0\0TFL3" + bytes(20), "TensorFlow Lite"),
    "ExecuTorch": ("m.pte", lambda: b"\x20\0\0\0ET12" + bytes(20), "ExecuTorch"),
    "marshal": ("m.bin", lambda: marshal.dumps(compile("1", "x", "eval")), "m.bin"),
    "a library": ("m.so", lambda: b"\x7fELF" + bytes(60), "compiled"),
    "MessagePack": ("m.msgpack", lambda: b"\x81\xa1a\xc7\x04\x01" + EVIL, "unknown"),
    "TensorFlow": ("saved_model.pb", lambda: b"\x08\x01\x12\x02\x0a\x00" + EVIL, "saved_model.pb"),
    "raw bytes": ("w.bin", lambda: bytes(range(256)) * 8, "unknown"),
    "YAML with objects": ("m.yaml", lambda: b"a: !!python/object/apply:os.system [x]\n", "YAML"),
    "Hydra": ("m.yaml", lambda: b"model:\n  _target_: os.system\n", "_target_"),
    "jsonpickle": ("m.json", lambda: b'{"py/reduce": [{"py/function": "os.system"}]}', "Python objects"),
    "code of the model": ("config.json", lambda: b'{"auto_map": {"AutoModel": "x/y--m.X"}}', "auto_map"),
    "a Lambda in JSON": ("config.json", lambda: b'{"class_name": "Lambda", "config": {}}', "Lambda"),
    "MLflow": ("MLmodel", lambda: b"flavors:\n  python_function:\n    loader_module: x\n", "module"),
    "a pointer of Git LFS": ("m.pt", lambda: b"version https://git-lfs.github.com/spec/v1\n", "LFS"),
}
"""File name, bytes and expected text of the report, by description."""
