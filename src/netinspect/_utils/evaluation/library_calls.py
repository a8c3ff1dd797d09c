"""Calls of libraries whose results are known without them: parsers, files, paths and tensors."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from netinspect._utils.evaluation.config_files import SUFFIXES, ConfigError, read_config
from netinspect._utils.evaluation.operations import MATH, call_builtin
from netinspect._utils.evaluation.settings import Settings
from netinspect._utils.evaluation.tensor_calls import call_torch
from netinspect._utils.evaluation.values import (
    UNKNOWN,
    FileValue,
    LibraryValue,
    ParserValue,
    Reference,
    Unknown,
    is_plain,
)

_PARSERS = frozenset(("ArgumentParser", "ArgParser", "ConfigArgumentParser"))
_LOADERS = frozenset(("load", "safe_load", "full_load", "loads", "unsafe_load"))
_LOADED = frozenset(("json", "yaml", "toml", "tomllib", "OmegaConf", "omegaconf", "simplejson"))
_SETTINGS = frozenset(
    [
        "Namespace",
        "SimpleNamespace",
        "HParams",
        "EasyDict",
        "AttrDict",
        "AttributeDict",
        "DotDict",
        "Dict",
        "Munch",
        "Box",
        "DictConfig",
        "ConfigDict",
        "CfgNode",
        "CN",
        "OrderedDict",
        "defaultdict",
        "dict",
        "create",
        "Bunch",
        "Config",
    ]
)
"""Classes of dictionaries whose entries are attributes, and `OmegaConf.create`."""

NO_FILE = Unknown()
"""Content of a configuration file that is not known or does not exist."""

_FALSE = frozenset(
    ("torch.cuda.is_available", "torch.backends.mps.is_available", "torch.distributed.is_initialized")
)
_FOLDERS_ABOVE = 3
"""Folders from that of a script upwards in which its relative paths may begin."""

_KEPT = ("torch.nn.", "torch.device", "functools.partial")
"""Calls that are repeated on the live objects: they make layers, devices and functions."""


def call_library(reference: Reference, args: list[Any], kwargs: dict[str, Any], file: str) -> Any:
    """Return the result of a call of a library in a file; `UNKNOWN` for most."""
    dotted = reference.dotted
    outer, _, name = dotted.rpartition(".")
    if dotted in _FALSE:
        return False
    if name in _PARSERS:
        parents = kwargs.get("parents")
        known = [each for each in parents if isinstance(each, ParserValue)] if parents else []
        return ParserValue({key: value for each in known for key, value in each.defaults.items()})
    if dotted in ("open", "io.open", "codecs.open", "pathlib.Path", "Path") and args:
        return FileValue(args[0]) if isinstance(args[0], str) else UNKNOWN
    if name in _LOADERS and outer.rpartition(".")[2] in _LOADED:
        return _load(args[0] if args else UNKNOWN, file)
    if dotted.startswith(("os.path.", "posixpath.")):
        return _path(name, args)
    if outer in ("math", "numpy") and name in MATH and is_plain(args):
        return call_builtin(MATH[name], args, {})
    if name in ("deepcopy", "copy") and len(args) == 1:
        return args[0]
    if (found := call_torch(dotted, args, kwargs)) is not None:
        return found
    if name in _SETTINGS and (not args or isinstance(args[0], (dict, list))):
        return call_builtin(dict, args[:1], kwargs)
    if dotted.startswith(_KEPT):
        return LibraryValue(dotted, tuple(args), dict(kwargs))
    return UNKNOWN


def call_parser(parser: ParserValue, name: str, args: list[Any], kwargs: dict[str, Any]) -> Any:
    """Return the result of a method of a command line parser."""
    if name == "add_argument":
        key = _destination(args, kwargs)
        if key is not None:
            parser.defaults.setdefault(key, _default(kwargs))
        return UNKNOWN
    if name == "set_defaults":
        parser.defaults.update(kwargs)
        return UNKNOWN
    if name in ("parse_args", "parse_known_args"):
        values = Settings(parser.defaults)
        return values if name == "parse_args" else (values, [])
    if name.startswith("add_"):  # groups and subparsers
        return parser
    return UNKNOWN


def _destination(args: list[Any], kwargs: dict[str, Any]) -> str | None:
    if isinstance(kwargs.get("dest"), str):
        return str(kwargs["dest"])
    flags = [each for each in args if isinstance(each, str)]
    named = next((each for each in flags if each.startswith("--")), flags[0] if flags else None)
    return named.lstrip("-").replace("-", "_") if named else None


def _default(kwargs: dict[str, Any]) -> Any:
    action = kwargs.get("action")
    if "default" not in kwargs:
        if action in ("store_true", "store_false"):
            return action == "store_false"
        return UNKNOWN if kwargs.get("required") else None
    default, kind = kwargs["default"], kwargs.get("type")
    if isinstance(default, str) and kind in (int, float):
        return call_builtin(kind, [default], {})  # argparse converts strings
    return default


def call_file(file: FileValue, name: str, args: list[Any]) -> Any:
    """Return the result of a method of an open file or a path: the same file, which is read later."""
    if name in ("read", "read_text", "open", "resolve", "absolute", "__enter__"):
        return file
    if name == "joinpath" and all(isinstance(each, str) for each in args):
        return FileValue(os.path.join(file.path, *args))
    return UNKNOWN


def _load(source: Any, file: str) -> Any:
    """Return the content of a configuration file; a relative path begins at the script or above it."""
    path = source.path if isinstance(source, FileValue) else source
    if not isinstance(path, str) or not path.lower().endswith(SUFFIXES):
        return NO_FILE
    folders = [os.getcwd(), *map(str, list(Path(file).parents)[:_FOLDERS_ABOVE])]
    found = next((full for each in folders if os.path.isfile(full := os.path.join(each, path))), None)
    if found is None:
        return NO_FILE
    try:
        return read_config(found)
    except ConfigError:
        return UNKNOWN


def _path(name: str, args: list[Any]) -> Any:
    if not args or not all(isinstance(each, str) for each in args):
        return UNKNOWN
    functions: dict[str, Callable[..., Any]] = {
        "join": os.path.join, "dirname": os.path.dirname, "basename": os.path.basename,
        "abspath": str, "realpath": str, "expanduser": str, "splitext": os.path.splitext,
    }  # fmt: skip
    function = functions.get(name)
    return UNKNOWN if function is None else call_builtin(function, args, {})
