"""Names of library models, parsed from the source files of the library without importing it.

Importing one of these libraries takes seconds, since each imports torch; parsing its files takes a tenth
of a second. Completion, `netinspect models` and the check of a name use these names.
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
from netinspect.targets.libraries.config_files import config_file, parts_of_pipeline

LIBRARIES = ("torchvision", "timm", "transformers", "diffusers")

_WITH_CONFIGS = ("transformers", "diffusers")
"""Libraries whose models are also named by a folder with a configuration, or by a name on the hub."""

_REGISTERED = re.compile(
    r"""^@register_model(?:\((?:\s*(?:name\s*=\s*)?["'](?P<given>[\w.-]+)["'])?\s*\))?[ \t]*\n"""
    r"(?:@.*\n(?:[ \t)].*\n)*)*def\s+(?P<function>\w+)",
    re.MULTILINE,
)
_DEPRECATED = re.compile(r"(?ms)^register_model_deprecations\(__name__,\s*\{(.*?)^\}\)")
_KEY = re.compile(r"""["'](\w+)["']\s*:""")
_CLASS = re.compile(r"^class (\w+)\(", re.MULTILINE)
_HUB_ID = re.compile(r"[\w.-]+(?:/[\w.-]+)?")
_HUB_FOLDER = re.compile(r"[\w.-]+(?:/[\w.-]+){1,2}")
"""Name on the hub, and the folder of a model in it."""

_WORD = re.compile(r"\w+")
_CLASS_AND_BASES = re.compile(r"^class (\w+)\(([^)]*)\):", re.MULTILINE)


def split_library(text: str) -> tuple[str, str] | None:
    """Split `timm:resnet50` into the library and the name; None without a library prefix."""
    library, colon, name = text.partition(":")
    return (library, name) if colon and library in LIBRARIES else None


def model_names(library: str) -> tuple[str, ...]:
    """List the models of a library in natural order: `resnet18` before `resnet101`.

    They are the registered builders of torchvision and timm, the model types of transformers, and the
    model classes of diffusers.

    Raises:
        LoadError: The library is not installed.
    """
    return _names(library, package_folder(library))


def known_names(library: str) -> tuple[str, ...]:
    """List all names valid in a target: models, deprecated names of timm, transformers classes."""
    folder = package_folder(library)
    others = {"timm": _deprecated, "transformers": _mapped_classes}.get(library)
    return _names(library, folder) + (others(folder) if others else ())


def targets_named(name: str) -> list[str]:
    """List the targets in installed libraries for a model name, such as `timm:resnet50`."""
    found = []
    for library in LIBRARIES:
        with contextlib.suppress(LoadError):
            if name in model_names(library):
                found.append(f"{library}:{name}")
    return found


def model_targets() -> dict[str, str]:
    """Return a target for each model name of the installed libraries; the first one has precedence."""
    found: dict[str, str] = {}
    for library in LIBRARIES:
        with contextlib.suppress(LoadError):
            for name in model_names(library):
                found.setdefault(name, f"{library}:{name}")
    return found


def package_folder(library: str) -> Path:
    """Return the folder of an installed library, without importing it.

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
    """Check that a library has a model of a name, without importing the library.

    Args:
        library: One of `LIBRARIES`.
        name: The name after the colon.
        online: Whether to accept names that may be on the model hub.

    Raises:
        UsageError: The name is empty.
        LoadError: The library is not installed, or has no such model.
    """
    if not name:
        raise UsageError(
            f"the target '{library}:' has no model name",
            hint=f"netinspect models {library}: lists them",
        )
    folder = package_folder(library)
    if library == "timm" and ":" in name:
        if not online and not name.startswith("local-dir:"):
            raise _offline(library, name)
        return
    if library in _WITH_CONFIGS and config_file(name) is not None:
        return
    known = known_names(library)
    # The part after the dot selects weights, as in `resnet50.a1_in1k`; the structure is the same.
    if name in known or (library == "timm" and name.partition(".")[0] in known):
        return
    if library == "transformers" and name.isidentifier() and name in _all_classes(folder):
        return
    if library in _WITH_CONFIGS and _may_be_on_hub(library, name, online=online):
        return
    elsewhere = [each for each in LIBRARIES if each != library and _has(each, name)]
    raise LoadError(
        f"{library} has no model {name!r}",
        hint=(f"{elsewhere[0]} has one: {elsewhere[0]}:{name}" if elsewhere else None)
        or _of_hub(library, name, known)
        or suggestion(name, known)
        or f"netinspect models {library}: lists them",
    )


def _may_be_on_hub(library: str, name: str, *, online: bool) -> bool:
    """Return whether a name may be one on the hub, and the hub may be asked.

    Raises:
        LoadError: It is a path without a configuration, or the hub may not be asked.
    """
    if parts := parts_of_pipeline(name):
        listed = " or ".join(f"{library}:{part}" for part in parts)
        raise LoadError(f"{name} is a pipeline of several models", hint=f"name one of them: {listed}")
    if _resembles_path(name):
        raise LoadError(f"{name} has no config.json", hint="name a folder that has one")
    if not (_HUB_FOLDER if library == "diffusers" else _HUB_ID).fullmatch(name):
        return False
    if "/" in name and not online:
        raise _offline(library, name)
    return online


def _of_hub(library: str, name: str, known: Sequence[str]) -> str | None:
    """Return a hint for a name of an old model on the hub, such as `bert-base-uncased`."""
    kind = name.partition("-")[0].lower()
    if library != "transformers" or kind == name or kind not in known:
        return None
    return (
        f"transformers:{kind} has the default sizes of that type; --online searches the hub for {name}"
    )


def _resembles_path(name: str) -> bool:
    return name.startswith((".", "/", "~")) or name.endswith("/") or "\\" in name or os.path.exists(name)


def _offline(library: str, name: str) -> LoadError:
    return LoadError(
        f"{library}:{name} is on the model hub, but network access is off",
        hint="--online downloads its configuration, never its weights; a local folder with config.json "
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
    elif library == "diffusers":
        found = _configured_models(folder / "models")
    elif library == "timm":
        found = _registered(sorted((folder / "models").glob("*.py")))
    else:
        found = _registered(sorted((folder / "models").rglob("*.py")))
    return tuple(sorted(set(found), key=_natural_order))


def _natural_order(name: str) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", name.lower())
    return [(int(part), "") if part.isdigit() else (0, part) for part in parts]


def _registered(files: list[Path]) -> Iterator[str]:
    for file in files:
        for match in _REGISTERED.finditer(_read(file)):
            yield match["given"] or match["function"]


@cache
def _deprecated(folder: Path) -> tuple[str, ...]:
    """Return the deprecated names that timm still builds."""
    files = sorted((folder / "models").glob("*.py"))
    tables = [table for file in files for table in _DEPRECATED.findall(_read(file))]
    return tuple(key for table in tables for key in _KEY.findall(table))


def _model_types(folder: Path) -> Iterator[str]:
    """Yield the keys of the table that maps a model type to its configuration class.

    Depending on the version, several statements in one of two files build it. Each assigns or updates
    it with pairs of strings, or with dictionaries of strings.
    """
    table = "CONFIG_MAPPING_NAMES"
    for file in ("auto_mappings.py", "configuration_auto.py"):
        for statement in _parse(folder / "models" / "auto" / file).body:
            if table in ast.unparse(statement)[: len(table) + 40]:
                for key, _ in _pairs(statement):
                    yield key


@cache
def _mapped_classes(folder: Path) -> tuple[str, ...]:
    """Return the classes that the auto classes of transformers build."""
    names = [
        name
        for _, value in _pairs(_parse(folder / "models" / "auto" / "modeling_auto.py"))
        for name in value
        if name.isidentifier()
    ]
    return tuple(sorted(set(names)))


@cache
def _all_classes(folder: Path) -> frozenset[str]:
    """Return all classes in the modeling files of transformers; some are not in a table."""
    files = (folder / "models").glob("*/modeling_*.py")
    return frozenset(name for file in files for name in _CLASS.findall(_read(file)))


def _configured_models(folder: Path) -> Iterator[str]:
    """Yield the classes of diffusers that are models with a configuration, and are exported.

    A class inherits both from mixins; some models inherit from another model.
    """
    exported = {
        name.value
        for statement in _parse(folder / "__init__.py").body
        for name in ast.walk(statement)
        if isinstance(name, ast.Constant) and isinstance(name.value, str)
    }
    files = [*folder.rglob("*.py"), folder.parent / "configuration_utils.py"]
    bases = {
        name: set(_WORD.findall(listed))
        for file in files
        for name, listed in _CLASS_AND_BASES.findall(_read(file))
    }
    for name in exported & bases.keys():
        ancestors: set[str] = set()
        waiting = [name]
        while waiting:
            new = bases.get(waiting.pop(), set()) - ancestors
            ancestors |= new
            waiting += new
        if {"ModelMixin", "ConfigMixin"} <= ancestors:
            yield name


def _pairs(tree: ast.AST) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield pairs of a string and one or more strings, in tuples and dictionaries."""
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
    """Return the text of a file of a library; empty if this version lacks it."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
