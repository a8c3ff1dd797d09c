"""The names of the models of a library, read from its source text.

To import one of these libraries takes seconds, since each imports torch; to read the names off its
files takes a tenth of one. So a completion, a list and a mistyped name need no import.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import os
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from netinspect.errors import LoadError, UsageError, suggestion

LIBRARIES = ("torchvision", "timm", "transformers")

_REGISTERED = re.compile(
    r"""^@register_model(?:\((?:\s*(?:name\s*=\s*)?["'](?P<given>[\w.-]+)["'])?\s*\))?[ \t]*\n"""
    r"(?:@.*\n(?:[ \t)].*\n)*)*def\s+(?P<function>\w+)",
    re.MULTILINE,
)
_DEPRECATED = re.compile(r"(?ms)^register_model_deprecations\(__name__,\s*\{(.*?)^\}\)")
_KEY = re.compile(r"""["'](\w+)["']\s*:""")
_CLASS = re.compile(r"^class (\w+)\(", re.MULTILINE)
_HUB_ID = re.compile(r"[\w.-]+(?:/[\w.-]+)?")


def split_library(text: str) -> tuple[str, str] | None:
    """Split `timm:resnet50` into the library and the name; None without a library prefix."""
    library, colon, name = text.partition(":")
    return (library, name) if colon and library in LIBRARIES else None


def model_names(library: str) -> tuple[str, ...]:
    """List the models of a library as people would count them: `resnet18` before `resnet101`.

    These are the builders that torchvision and timm register, and the model types of transformers.

    Raises:
        LoadError: The library is not installed.
    """
    return _names(library, package_folder(library))


def known_names(library: str) -> tuple[str, ...]:
    """List all names that a target can have: the models, and what else the library builds by name."""
    folder = package_folder(library)
    further = {"timm": _deprecated, "transformers": _mapped_classes}.get(library)
    return _names(library, folder) + (further(folder) if further else ())


def targets_named(name: str) -> list[str]:
    """List the targets of installed libraries that have a model of that name: `timm:resnet50`."""
    found = []
    for library in LIBRARIES:
        with contextlib.suppress(LoadError):
            if name in model_names(library):
                found.append(f"{library}:{name}")
    return found


def package_folder(library: str) -> Path:
    """Find the folder of an installed library, without importing it.

    Raises:
        LoadError: It is not installed.
    """
    try:
        found = importlib.util.find_spec(library)
    except (ImportError, ValueError):
        found = None
    if found is None or found.origin is None:
        raise LoadError(f"{library} is not installed", hint=f"pip install {library}")
    return Path(found.origin).parent


def check_name(library: str, name: str, *, online: bool) -> None:
    """Make sure that a library has a model of that name, before anything slow is done.

    Args:
        library: One of `LIBRARIES`.
        name: The name after the colon.
        online: Whether a name that the library itself does not know may be one of the model hub.

    Raises:
        UsageError: The name is empty.
        LoadError: The library is not installed, or has no such model.
    """
    if not name:
        raise UsageError(
            f"'{library}:' in the target names no model", hint=f"netinspect models {library}: lists them"
        )
    folder = package_folder(library)
    if library == "timm" and ":" in name:
        if not online and not name.startswith("local-dir:"):
            raise _offline(library, name)
        return
    if library == "transformers" and config_file(name) is not None:
        return
    known = known_names(library)
    # The part after the dot selects weights, as in `resnet50.a1_in1k`; the structure is the same.
    if name in known or (library == "timm" and name.partition(".")[0] in known):
        return
    if library == "transformers":
        if name.isidentifier() and name in _all_classes(folder):
            return
        if _looks_like_a_path(name):
            raise LoadError(f"there is no config.json in {name}", hint="name a folder that has one")
        if _HUB_ID.fullmatch(name) and online:
            return
        if _HUB_ID.fullmatch(name) and "/" in name:
            raise _offline(library, name)
    elsewhere = [each for each in LIBRARIES if each != library and _has(each, name)]
    raise LoadError(
        f"{library} has no model {name!r}",
        hint=(f"{elsewhere[0]} has one: {elsewhere[0]}:{name}" if elsewhere else None)
        or _of_hub(library, name, known)
        or suggestion(name, known)
        or f"netinspect models {library}: lists them",
    )


def _of_hub(library: str, name: str, known: Sequence[str]) -> str | None:
    """Advise on names that old models of the hub have, such as `bert-base-uncased`."""
    kind = name.partition("-")[0].lower()
    if library != "transformers" or kind == name or kind not in known:
        return None
    return f"transformers:{kind} has that type's default sizes; --online looks for {name} on the hub"


def config_file(name: str) -> Path | None:
    """Return the local configuration that a name of transformers refers to, if any."""
    path = Path(name)
    try:
        if path.is_dir() and (path / "config.json").is_file():
            return path / "config.json"
        return path if path.suffix == ".json" and path.is_file() else None
    except OSError:
        return None


def _looks_like_a_path(name: str) -> bool:
    return name.startswith((".", "/", "~")) or name.endswith("/") or "\\" in name or os.path.exists(name)


def _offline(library: str, name: str) -> LoadError:
    return LoadError(
        f"{library}:{name} is on the model hub, and nothing is fetched unasked",
        hint="--online fetches its configuration (never its weights); a local folder with config.json "
        "needs no network",
    )


def _has(library: str, name: str) -> bool:
    try:
        return name in model_names(library)
    except LoadError:
        return False


@cache
def _names(library: str, folder: Path) -> tuple[str, ...]:
    if library == "transformers":
        found = _model_types(folder)
    elif library == "timm":
        found = _registered(sorted((folder / "models").glob("*.py")))
    else:
        found = _registered(sorted((folder / "models").rglob("*.py")))
    return tuple(sorted(set(found), key=_as_counted))


def _as_counted(name: str) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", name.lower())
    return [(int(part), "") if part.isdigit() else (0, part) for part in parts]


def _registered(files: list[Path]) -> Iterator[str]:
    for file in files:
        for match in _REGISTERED.finditer(_read(file)):
            yield match["given"] or match["function"]


@cache
def _deprecated(folder: Path) -> tuple[str, ...]:
    """Names that timm has given up but still builds."""
    files = sorted((folder / "models").glob("*.py"))
    tables = [table for file in files for table in _DEPRECATED.findall(_read(file))]
    return tuple(key for table in tables for key in _KEY.findall(table))


def _model_types(folder: Path) -> Iterator[str]:
    """Read the keys of the table that maps a model type to its configuration class.

    It is made in several statements, and in different files from version to version: each that
    assigns or updates it has pairs of strings, or dictionaries of them.
    """
    table = "CONFIG_MAPPING_NAMES"
    for file in ("auto_mappings.py", "configuration_auto.py"):
        for statement in _parse(folder / "models" / "auto" / file).body:
            if table in ast.unparse(statement)[: len(table) + 40]:
                for key, _ in _pairs(statement):
                    yield key


@cache
def _mapped_classes(folder: Path) -> tuple[str, ...]:
    """The classes that the automatic classes of transformers build."""
    names = [
        name
        for _, value in _pairs(_parse(folder / "models" / "auto" / "modeling_auto.py"))
        for name in value
        if name.isidentifier()
    ]
    return tuple(sorted(set(names)))


@cache
def _all_classes(folder: Path) -> frozenset[str]:
    """Every class in the files of transformers that hold models; some are in no table."""
    files = (folder / "models").glob("*/modeling_*.py")
    return frozenset(name for file in files for name in _CLASS.findall(_read(file)))


def _pairs(tree: ast.AST) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Find pairs of a string with a string, or with several, in tuples and dictionaries."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple) and len(node.elts) == 2:
            entries = [(node.elts[0], node.elts[1])]
        elif isinstance(node, ast.Dict):
            entries = [(key, value) for key, value in zip(node.keys, node.values, strict=True) if key]
        else:
            continue
        for key, value in entries:
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                names = [each.value for each in ast.walk(value) if isinstance(each, ast.Constant)]
                yield key.value, tuple(name for name in names if isinstance(name, str))


def _parse(file: Path) -> ast.Module:
    try:
        return ast.parse(_read(file))
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])


def _read(file: Path) -> str:
    """Read a file of a library; a version without it has its names elsewhere."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
