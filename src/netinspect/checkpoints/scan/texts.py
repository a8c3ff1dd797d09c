"""Validation of UTF-8 text, and detection of settings that make a loader execute code."""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from netinspect.checkpoints.io.source import ByteSource

_PIECE = 1 << 20
_OVERLAP = 4 << 10
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_PYTHON = (".py", ".pyw", ".pyx")
_IMPORT = re.compile(rb"(?:^|[\n\r\x0b\x0c]|\xc2\x85|\xe2\x80[\xa8\xa9]|\xef\xbb\xbf)import[ \t]")
"""Start of a line, as defined by `str.splitlines`."""

_ESCAPE = re.compile(rb'\\(?:u00([2-7][0-9A-Fa-f])|x([2-7][0-9A-Fa-f])|(["/]))')
"""Escapes of ASCII characters in JSON and in YAML strings."""

_RUNS: tuple[tuple[tuple[bytes, ...], re.Pattern[bytes], str], ...] = (
    (
        (b"!!", b"yaml.org", b"%TAG"),
        re.compile(
            rb"!!python/|!!\S{0,99}%[0-9A-Fa-f]{2}|yaml\.org,2002:\S{0,99}(?:python|%)|^%TAG[ \t]",
            re.MULTILINE,
        ),
        "YAML that names Python objects for its loader to make",
    ),
    (
        (b"!new:", b"!apply:", b"!name:", b"!module:"),
        re.compile(rb"!(?:new|apply|name|module):\w"),
        "YAML that names Python objects for its loader to make",
    ),
    (
        (b"_target_", b"class_path", b"loader_module"),
        re.compile(rb"\b_target_\b|\b(?:class_path|loader_module)[\"']?\s{0,9}:"),
        "a configuration that names what its loader imports (_target_, class_path, loader_module)",
    ),
    (
        (b'"auto_map"', b'"custom_pipeline'),
        re.compile(rb'"(?:auto_map|custom_pipelines?)"'),
        "JSON that names code of the model (auto_map)",
    ),
    (
        (b'"__lambda__"', b'"Lambda"'),
        re.compile(rb'"__lambda__"|"class_name"\s{0,9}:\s{0,9}"Lambda"'),
        "a Keras configuration with code in it (Lambda)",
    ),
    (
        (b'"class_name"', b'"registered_name"'),
        re.compile(rb'"(?:class_name|registered_name)"\s{0,9}:'),
        "a configuration as Keras writes it, which names the classes that its loader makes",
    ),
    (
        (b'"handler"', b'"serializedFile"'),
        re.compile(rb'"(?:handler|serializedFile)"\s{0,9}:'),
        "a manifest of TorchServe, which names the code that its server runs",
    ),
    (
        (b'"parent_library"', b'"idx"'),
        re.compile(
            rb'"parent_library"\s{0,9}:\s{0,9}"'
            rb'|"idx"\s{0,9}:[^{}]{0,200}"type"\s{0,9}:\s{0,9}"(?!sentence_transformers\.)\w+\.'
        ),
        "JSON that names a module that its loader imports",
    ),
    (
        (b'"py/',),
        re.compile(rb'"py/\w{1,20}"\s{0,9}:'),
        "JSON that names Python objects for its loader to make",
    ),
    (
        (b'"__loader__"', b'"_skops_version"'),
        re.compile(rb'"__loader__"|"_skops_version"'),
        "a schema of skops, which names the classes that its loader makes",
    ),
    (
        (b'":serialized:"', b"gA"),
        re.compile(
            rb'":serialized:"'
            rb"|(?<![A-Za-z0-9+/])gA(?:[JN][A-Za-z0-9+/]|[SW][VM]|[RV][j9dY]|[QU][op])[A-Za-z0-9+/]{12}"
        ),
        "text that holds what may be a pickle in base64",
    ),
    (
        (b"\n(",),
        re.compile(
            rb"[ci][A-Za-z_][\w.]{0,200}\r?\n[A-Za-z_][\w.]{0,200}\r?\n(?:p\d{1,9}\r?\n)?\([^\r\n]"
        ),
        "text that holds what may be a pickle",
    ),
)
"""Text whose effect depends on the loader. It is reported but not judged.

Each has texts of which at least one must occur, because searching for these is fast.
"""

_STARTS: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "a pointer of Git LFS: the file itself is not here"),
    (b"#!", "a script"),
    (b"%PDF-", "a PDF document"),
    (b"%!PS", "a PostScript program"),
)


class Text(NamedTuple):
    """Valid text."""

    kind: str
    runs: str
    """Reason why a loader would execute code; empty if none is known."""


def read_text(source: ByteSource, name: str) -> Text | None:
    """Read a text completely; return None if the bytes are not text.

    Args:
        source: The bytes.
        name: Name of the file or member; its suffix identifies code.

    Raises:
        LoadError: The source cannot be read.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    runs, before, is_json = "", b"", False
    for at in range(0, source.size, _PIECE):
        piece = source.read(at, min(_PIECE, source.size - at))
        if _CONTROL.search(piece):
            return None
        try:
            decoder.decode(piece, final=at + len(piece) == source.size)
        except UnicodeDecodeError:
            return None
        if not at:
            is_json = piece.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")
            runs = next((what for start, what in _STARTS if piece.startswith(start)), "")
        runs = runs or find_runs(before + piece)
        if not runs and name.lower().endswith(".pth") and _IMPORT.search(before + piece):
            runs = "a path file of Python: its imports run whenever Python starts"
        before = piece[-_OVERLAP:]
    is_json = is_json and before.rstrip()[-1:] in (b"}", b"]")
    if name.lower().rstrip(" .").endswith(_PYTHON):
        return Text("Python code", runs or "Python code, which loaders may run")
    return Text("JSON" if is_json else "text", runs)


def find_runs(piece: bytes) -> str:
    """Return the reason why a loader of a text would execute code, or an empty string."""
    if b"\\" in piece:
        piece = _ESCAPE.sub(_unescaped, piece)
    for needed, pattern, what in _RUNS:
        if any(each in piece for each in needed) and pattern.search(piece):
            return what
    return ""


def _unescaped(match: re.Match[bytes]) -> bytes:
    number = match[1] or match[2]
    return match[3] if number is None else bytes([int(number, 16)])
