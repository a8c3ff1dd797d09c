"""Identification of formats by signature.

Signatures of four bytes or more that are not common texts or numbers are sufficient. Shorter and
ambiguous ones are confirmed by more of the structure, here or in `layouts`.
"""

from __future__ import annotations

import re

HEAD = 512
"""Number of bytes to match."""

_MARKS: tuple[tuple[bytes, str], ...] = (
    # Models.
    (rb".{4}TFL3", "tflite"),
    (rb".{4}ET\d\d", "executorch"),
    (rb".{4}FT\d\d", "executorch data"),
    (rb".{4}ORTM", "ort"),
    (rb".{4}MSL[0-9]", "mindspore lite"),
    (rb"(?:ftrt|ptrt)[\x00-\xff]{2}", "tensorrt"),
    # Ultralytics writes a JSON text and its length before the engine.
    (rb".{2}\x00\x00\{\"", "tensorrt metadata"),
    (rb"RKNN[\x00-\x1f]|CYPTRKNN", "rknn"),
    (rb"\x01HEF\x00", "hailo"),
    (rb"LDMK[\x00-\x1f]", "kmodel"),
    (rb"IMOD[\x00-\xff]\x01\x00\x00", "ascend"),
    (rb"lmgg[\x00-\xff]{3}\x00", "ggml"),
    (rb"fmgg\x01\x00\x00\x00|tjgg[\x00-\x09]\x00\x00\x00", "ggml"),
    (rb"algg\x01\x00\x00\x00", "ggml lora"),
    (rb"MZqFpD", "llamafile"),
    (rb"\x89HDF\r\n\x1a\n", "hdf5"),
    (rb"MATLAB 7\.3 MAT-file", "matlab 7.3"),
    (rb"MATLAB 5\.0 MAT-file", "matlab"),
    (rb"\x12\x01\x00{14}", "mxnet"),
    (rb"\x0c\xdb(?:\x3a\x2a|\x20\xde).{4}\x00\x00\x00\x00", "ocdbt"),
    (rb".{4}\x02\x00\x00\x00.{56}\xef\xbe\xad\xde", "coreml weights"),
    (rb"7767517\r?\n", "ncnn param"),
    (rb"\xdd\x85\x76\x00", "ncnn binary param"),
    (rb"\xba\x16\x4f\x2f[\x0b\x0c]\x00\x00\x00", "fasttext"),
    (rb"CBM1(?![ -~]{4})", "catboost"),
    (rb"tree\nversion=v\d", "lightgbm"),
    (rb"\{L\x00\x00\x00\x00\x00\x00\x00\x07learner", "xgboost ubj"),
    (rb"B\x00C\x00N\x00\x00\x00", "cntk"),
    (rb"\x04\x00\x00\x00\x01\x00\x00\x00\x03\x00\x00\x00V 1", "torch7"),
    (rb"4\n1\n3\nV 1\n", "torch7"),
    (rb"X\n\x00\x00\x00[\x02\x03]\x00[\x00-\x09]", "rds"),
    (rb"A\n[23]\n\d{5,6}\n", "rds"),
    (rb"RD[XA][23]\n", "rdata"),
    (rb"\"?1 \d{1,9} 1 420662477[0-3] ,", "tnn"),
    (rb"ML\xefR", "mlir"),
    (rb"svm_type [a-z_]{1,20}\r?\nkernel_type|solver_type [A-Z0-9_]{1,20}\r?\nnr_class", "libsvm"),
    (rb"model_checkpoint_path: \"", "tf state"),
    # Tables and databases.
    (rb"ARROW1\x00\x00", "arrow"),
    (rb"FEA1\x00\x00\x00\x00", "feather"),
    (rb"PAR[1E](?![ -~]{4})", "parquet"),
    (rb"Obj\x01", "avro"),
    (rb"SQLite format 3\x00", "sqlite"),
    (rb".{16}\xde\xc0\xef\xbe", "lmdb"),
    (rb"\x13\x57\x9a[\xcd\xce\xcf]|[\xcd\xce\xcf]\x9a\x57\x13", "dbm"),
    (rb".{12}(?:\x61\x15\x06\x00|\x62\x31\x05\x00|\x00\x06\x15\x61|\x00\x05\x31\x62)", "berkeley"),
    # Packed files.
    (rb"\x1f\x8b\x08[\x00-\x1f]", "gzip"),
    (rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)", "bzip2"),
    (rb"\xfd7zXZ\x00", "xz"),
    (rb"ZF0x", "zlib of joblib"),
    (rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", "zstd"),
    (rb"\x04\x22\x4d\x18|\x02\x21\x4c\x18", "lz4"),
    (rb"\x89LZO\x00\r\n\x1a\n", "lzo"),
    (rb"LZIP[\x00\x01]", "lzip"),
    (rb"\x1f\x9d[\x80\x89-\x90]", "compress"),
    (rb"\xff\x06\x00\x00sNaPpY", "snappy"),
    (rb"7z\xbc\xaf\x27\x1c", "7z"),
    (rb"Rar!\x1a\x07", "rar"),
    (rb"hsqs.{24}\x04\x00\x00\x00", "squashfs"),
    (rb"MSCF\x00\x00\x00\x00", "cab"),
    (rb"!<arch>\n", "ar"),
    # Documents and programs.
    (rb"%PDF-\d", "pdf"),
    (rb"%!PS", "postscript"),
    (rb"\x89PNG\r\n\x1a\n", "png"),
    (rb"\xff\xd8\xff[\xc0-\xfe]", "jpeg"),
    (rb"GIF8[79]a", "gif"),
    (rb"II\x2a\x00.{2}\x00\x00|MM\x00\x2a\x00\x00", "tiff"),
    (rb"RIFF.{4}(?:WAVE|WEBP|AVI )", "riff"),
    (rb"\x00\x00\x00.ftyp", "mp4"),
    (rb"\x7fELF[\x00-\x02][\x00-\x02]", "elf"),
    (rb"MZ.{58}[\x00-\xff]{2}\x00\x00", "pe"),
    (
        rb"[\xce\xcf]\xfa\xed\xfe|\xca\xfe\xba\xbe\x00\x00\x00[\x01-\x09]|\xfe\xed\xfa[\xce\xcf]",
        "mach-o",
    ),
    (rb"\x00asm[\x01\x0d]\x00[\x00\x01]\x00", "wasm"),
    (rb".{2}\r\n[\x00-\x03]\x00\x00\x00.{8}[\xe3\x63]", "pyc"),
    (rb"[\xe3\x63]\x00{12}(?:\x00{4})?[\x01-\xff]\x00\x00\x00", "marshal"),
    (rb"#![^\x00\n]{0,200}\n", "script"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "office"),
    # Files downloaded in place of a model.
    (rb"version https://git-lfs", "lfs"),
    (
        rb"(?i)(?:\xef\xbb\xbf)?\s{0,99}(?:<!--.{0,400}?-->\s{0,99})?<(?:!doctype\s{1,9}html|html|head|body)\b",
        "html",
    ),
)
_KNOWN = tuple((re.compile(start, re.DOTALL), key) for start, key in _MARKS)


def match_mark(head: bytes) -> str | None:
    """Return the catalog key of the format with a matching signature, or None."""
    for start, key in _KNOWN:
        if start.match(head):
            return key
    return None
