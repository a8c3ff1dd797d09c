"""Configurations that an argument takes: classes with defaults, and configuration files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

from netinspect._utils.evaluation.config_files import LARGEST, ConfigError, read_config
from netinspect._utils.evaluation.settings import Settings
from netinspect._utils.evaluation.values import (
    UNKNOWN,
    ClassValue,
    FunctionValue,
    InstanceValue,
    ModuleValue,
)
from netinspect.targets.nearby.project import ProjectFiles
from netinspect.targets.nearby.written_calls import CallReader

CONFIG_NAMES = frozenset(
    [
        "config",
        "cfg",
        "conf",
        "args",
        "opt",
        "opts",
        "options",
        "params",
        "hparams",
        "hps",
        "h",
        "settings",
        "model_args",
        "model_config",
        "configuration",
        "model_params",
        "kwargs",
    ]
)
"""Usual names of arguments that take a whole configuration."""

_CONFIG_CLASS = re.compile(r"(Config|Configuration|Cfg|Args|Arguments|Params|HParams|Options|Settings)$")
_MOST_FILES = 60
_CLASS_KEYS = (
    "target",
    "_target_",
    "class_path",
    "type",
    "name",
    "model",
    "arch",
    "class",
    "model_name",
)
_PARAMETER_KEYS = ("params", "init_args", "args", "kwargs", "model_kwargs")
_DEEPEST = 8


def default_config(
    reader: CallReader, module: ModuleValue, target: str, name: str, annotation: str
) -> InstanceValue | None:
    """Return an instance, with all defaults, of the configuration class that an argument takes.

    The class annotates the argument, or has a name like it, as `GPTConfig` for `config`.

    Args:
        reader: Reader of the project.
        module: The module of the model.
        target: Name of the class or factory of the model.
        name: Name of the argument.
        annotation: Text of its annotation; empty without one.
    """
    names = module.scope.names
    annotated = [names.get(each) for each in re.findall(r"[^\W\d]\w*", annotation)]
    found = [each for each in annotated if isinstance(each, ClassValue)]
    if not found and (name in CONFIG_NAMES or _CONFIG_CLASS.search(name.title().replace("_", ""))):
        classes = [each for each in names.values() if isinstance(each, ClassValue)]
        like = [each for each in classes if _CONFIG_CLASS.search(each.name)]
        own = [each for each in like if each.name.startswith(target) or each.name.lower() == name]
        found = own or like
    if len({id(each) for each in found}) != 1:
        return None
    return _with_defaults(reader, found[0])


def _with_defaults(reader: CallReader, cls: ClassValue) -> InstanceValue | None:
    if any("Module" in base for base in cls.library_bases()):
        return None
    constructor = cls.find("__init__")
    if isinstance(constructor, FunctionValue) and not cls.is_dataclass:
        given = constructor.node.args
        if len(given.args) - 1 > len(given.defaults) or None in given.kw_defaults:
            return None
    made = reader.construct(cls)
    if not isinstance(made, InstanceValue):
        return None
    values = made.attributes
    if not values:
        own = {
            key: each for part in reversed([*cls.ancestors()]) for key, each in part.attributes.items()
        }
        values = {
            key: each
            for key, each in own.items()
            if not isinstance(each, FunctionValue) and not key.startswith("__")
        }
        made.attributes = values
    return made if values and UNKNOWN not in values.values() else None


def keys_read(module: ModuleValue, target: str, argument: str) -> set[tuple[str, ...]]:
    """Return the paths of keys and attributes that a constructor reads from one of its arguments."""
    found = module.scope.names.get(target)
    function = found.find("__init__") if isinstance(found, ClassValue) else found
    if not isinstance(function, FunctionValue):
        return set()
    paths = {
        tuple(path[1:])
        for node in ast.walk(function.node)
        if len(path := _path(node)) > 1 and path[0] == argument
    }
    return {
        path for path in paths if not any(path != each and each[: len(path)] == path for each in paths)
    }


def _path(node: ast.AST) -> list[str]:
    keys: list[str] = []
    while True:
        if isinstance(node, ast.Attribute):
            keys.append(node.attr)
        elif (
            isinstance(node, ast.Subscript)
            and isinstance(node.slice, ast.Constant)
            and isinstance(node.slice.value, str)
        ):
            keys.append(node.slice.value)
        else:
            break
        node = node.value
    return [node.id, *reversed(keys)] if isinstance(node, ast.Name) else []


def configs_with(project: ProjectFiles, paths: set[tuple[str, ...]]) -> list[tuple[str, Any]]:
    """Return the configuration files, or sections of them, that have all these keys.

    Returns:
        Each as the text after `@` in `--arg NAME=@FILE:SECTION`, and its content.
    """
    wanted = {path for path in paths if path[-1] not in ("get", "items", "keys", "values", "update")}
    if not wanted:
        return []
    words = [path[-1].encode() for path in wanted]
    found = []
    for file in project.configs[:_MOST_FILES]:
        for keys, content in _sections(file, words):
            if all(_has(content, path) for path in wanted):
                found.append((":".join(filter(None, [file, ".".join(keys)])), content))
                break
    return found


def _has(value: Any, path: tuple[str, ...]) -> bool:
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    return True


def written_parameters(project: ProjectFiles, target: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the arguments of a class in configuration files that name it.

    A section names a class as in `target: package.module.Net` with `params:` next to it, or as in
    `name: Net` with the arguments next to it.

    Returns:
        The file and the arguments.
    """
    found: list[tuple[str, dict[str, Any]]] = []
    for file in project.configs[:_MOST_FILES]:
        for _, content in _sections(file, [target.encode()]):
            named = [
                key
                for key in _CLASS_KEYS
                if isinstance(content.get(key), str) and content[key].rpartition(".")[2] == target
            ]
            if not named:
                continue
            inner = next(
                (content[key] for key in _PARAMETER_KEYS if _is_mapping(content.get(key))), None
            )
            arguments = (
                inner if inner is not None else {k: v for k, v in content.items() if k != named[0]}
            )
            found.append((file, Settings(arguments)))
    return found


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _sections(file: str, words: list[bytes]) -> Iterator[tuple[list[str], Mapping[str, Any]]]:
    """Yield the dictionaries in a file that contains some words, outer ones first, with their keys."""
    try:
        with open(file, "rb") as opened:
            data = opened.read(LARGEST)
        if not all(word in data for word in words):
            return
        content = read_config(file)
    except (OSError, ConfigError):
        return
    waiting: list[tuple[list[str], Any]] = [([], content)]
    while waiting:
        keys, value = waiting.pop(0)
        if isinstance(value, dict) and len(keys) < _DEEPEST:
            yield keys, value
            waiting += [([*keys, str(key)], each) for key, each in value.items()]
        elif isinstance(value, list) and len(keys) < _DEEPEST:
            waiting += [([*keys, str(index)], each) for index, each in enumerate(value)]
