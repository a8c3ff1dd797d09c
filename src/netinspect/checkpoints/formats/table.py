"""Table of checkpoint formats: how each is recognized and which function reads it."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

HEAD = 512
"""Bytes of a file from which most formats are recognized."""

_LEGACY_MAGIC = re.compile(
    rb"(\x80[\x02-\x05](\x95.{8})?\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19|L119547037146038801333356L\n)\.",
    re.DOTALL,
)
"""Pickled number at the start of the format that torch wrote before zip archives."""

_OLD_PICKLE = re.compile(rb"\(?[dl]p\d+\n|[\]}]q|\(?[ci][A-Za-z_][\w.]*\n[A-Za-z_][\w.]*\n")
"""First bytes of pickles of protocols 0 and 1, which have no header: a container or a name."""

_HIGHEST_PROTOCOL = b"\x0f"
_TAR_MAGIC = slice(257, 262)
_LARGEST_HEADER = 1 << 48


class Format(NamedTuple):
    """One row of the table."""

    name: str
    """Format of the file; a container may hold one of several formats of `Checkpoint.format`."""

    matches: Callable[[bytes], bool] | str
    """Test of the first `HEAD` bytes; or `module:function` of a test that reads a `ByteSource`."""

    reader: str
    """`module:function` in this package that makes a `Checkpoint` from a `ByteSource`."""

    examine: str | None = None
    """`module:function` that checks a `ByteSource` for the command `globals`.

    It returns where the described content ends, and reasons why parts were not examined. None for a
    container, whose parts `scan/` examines, and for a format that is not examined.
    """

    suffixes: tuple[str, ...] = ()
    """Usual suffixes of its files, without the dot."""

    title: str = ""
    """Name in the list of formats of an error; empty if another row has the same one."""

    is_model: bool = True
    """True if a file with one of the suffixes counts as weights of a folder."""


def load(reference: str) -> Any:
    """Import a function of this package, given as `module:function`."""
    module, _, name = reference.partition(":")
    return getattr(import_module(f"netinspect.checkpoints.formats.{module}"), name)


def format_named(name: str) -> Format:
    """Return a row of the table."""
    return next(row for row in FORMATS if row.name == name)


def _starts_with(*marks: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(marks)


def _is_tar(head: bytes) -> bool:
    return head[_TAR_MAGIC] == b"ustar"


def _is_safetensors(head: bytes) -> bool:
    """Match a length of eight bytes before a JSON object; a length beyond the file is damage."""
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") < _LARGEST_HEADER


def _is_torch_legacy(head: bytes) -> bool:
    return _LEGACY_MAGIC.match(head) is not None


def _is_pickle(head: bytes) -> bool:
    has_header = head[:1] == b"\x80" and head[1:2] <= _HIGHEST_PROTOCOL
    return has_header or _OLD_PICKLE.match(head) is not None


FORMATS = (
    Format(
        "zip",
        _starts_with(b"PK\x03\x04", b"PK\x05\x06"),
        "zip_files:read_zip",
        suffixes=("bin", "pt", "pth", "ckpt", "pt2", "npz"),
        title="torch's own files, npz",
    ),
    Format("GGUF", _starts_with(b"GGUF"), "gguf:read_gguf", "gguf:examine_gguf", ("gguf",), "GGUF"),
    Format(
        "npy",
        _starts_with(b"\x93NUMPY"),
        "numpy_files:read_npy",
        suffixes=("npy",),
        title="npy",
        is_model=False,
    ),
    Format("tar", _is_tar, "torch_tar:read_torch_tar"),
    Format(
        "safetensors",
        _is_safetensors,
        "safetensors:read_safetensors",
        "safetensors:examine_safetensors",
        ("safetensors",),
        "safetensors",
    ),
    Format("torch legacy", _is_torch_legacy, "torch_legacy:read_torch_legacy"),
    Format("pickle", _is_pickle, "plain_pickle:read_plain_pickle"),
    Format("ONNX", "onnx:is_onnx", "onnx:read_onnx", "onnx:examine_onnx", ("onnx",), "ONNX"),
)
"""All formats, in the order in which they are tested."""

SUFFIXES = tuple(suffix for row in FORMATS for suffix in row.suffixes)
WEIGHT_SUFFIXES = tuple(suffix for row in FORMATS if row.is_model for suffix in row.suffixes)
TITLES = tuple(row.title for row in FORMATS if row.title)
