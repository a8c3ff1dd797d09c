"""transformers: a model by the configuration of a folder, by its type, or by its class.

Only the configuration is read: no weights, and never code that comes with a configuration.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from netinspect.errors import LoadError, suggestion
from netinspect.targets.libraries.names import config_file, model_names

_FIRST = (
    "AutoModel",
    "AutoModelForCausalLM",
    "AutoModelForSeq2SeqLM",
    "AutoModelForImageClassification",
)
"""Which automatic class is asked first for the model of a configuration; then come all the others."""

_LAYERS = "num_hidden_layers"


def find_builder(name: str, *, online: bool) -> Callable[..., Any]:
    """Return the function that builds a model of transformers; its arguments change the configuration.

    Args:
        name: A local folder or file, a model type, a class, or the name of a model on the hub.
        online: Whether the configuration may be fetched from the hub.
    """
    library = importlib.import_module("transformers")
    file = config_file(name)
    if file is not None:
        return _from_settings(library, _read(file), str(file))
    if name in model_names("transformers"):
        config_class = library.CONFIG_MAPPING[name]
        return _builder(library, config_class, {}, None)
    found = getattr(library, name, None)
    if isinstance(found, type):
        config_class = getattr(found, "config_class", None)
        if config_class is None:
            raise LoadError(
                f"{name} of transformers is not a model with a configuration of its own",
                hint=suggestion(name, model_names("transformers")),
            )
        return _builder(library, config_class, {}, found)
    if not online:
        raise LoadError(
            f"{name} is not among the classes that transformers offers",
            hint="another class of the library builds it: name that one",
        )
    settings, _ = library.PreTrainedConfig.get_config_dict(name)
    return _from_settings(library, settings, name)


def _read(file: Path) -> dict[str, Any]:
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LoadError(f"cannot read {file}", cause=str(error)) from error
    if not isinstance(settings, dict):
        raise LoadError(f"{file} is not a configuration: expected a JSON object")
    return settings


def _from_settings(library: Any, settings: dict[str, Any], origin: str) -> Callable[..., Any]:
    names = settings.get("architectures") or [None]
    model_class = getattr(library, names[0], None) if isinstance(names[0], str) else None
    model_type = settings.get("model_type")
    if model_type in library.CONFIG_MAPPING:
        config_class = library.CONFIG_MAPPING[model_type]
    elif model_class is not None:
        config_class = model_class.config_class
    elif settings.get("auto_map"):
        raise LoadError(
            f"{origin} needs code that comes with it, and netinspect does not run such code",
            cause=f"its model type {model_type!r} is not one of transformers {library.__version__}",
            hint="if you trust it, build the model in a Python file of your own, and name that",
        )
    else:
        raise LoadError(
            f"{origin} is for no model that transformers {library.__version__} knows",
            cause=f"model_type is {model_type!r}, architectures is {settings.get('architectures')!r}",
            hint=suggestion(model_type or "", model_names("transformers"))
            or "a newer version of transformers may know it",
        )
    # A class of the library is meant, though the configuration also names code next to it.
    return _builder(
        library, config_class, {key: settings[key] for key in settings if key != "auto_map"}, model_class
    )


def _builder(
    library: Any, config_class: Any, settings: Mapping[str, Any], model_class: Any
) -> Callable[..., Any]:
    def build(**changes: Any) -> Any:
        config = _configure(config_class, settings, changes)
        return (model_class or _class_for(library, config))._from_config(config)

    return build


def _configure(config_class: Any, settings: Mapping[str, Any], changes: Mapping[str, Any]) -> Any:
    """Make the configuration, with some values changed.

    A value of a nested configuration is changed by a dictionary: `text_config={"vocab_size": 99}`.
    """
    unchanged = config_class.from_dict(dict(settings))
    aliases: Mapping[str, str] = getattr(config_class, "attribute_map", {})
    merged = dict(settings)
    for key, value in changes.items():
        if not hasattr(unchanged, key):
            known = [*unchanged.to_dict(), *aliases]
            raise LoadError(
                f"{config_class.__name__} has no value {key!r}",
                hint=suggestion(key, known) or f"it has: {', '.join(sorted(unchanged.to_dict()))}",
            )
        name = aliases.get(key, key)
        if name == aliases.get(_LAYERS, _LAYERS):
            merged = _with_layers(merged, getattr(unchanged, key), value)
        nested = merged.get(name)
        if isinstance(value, Mapping) and isinstance(nested, Mapping):
            value = {**nested, **value}
        merged.pop(key, None)
        merged[name] = value
    return config_class.from_dict(merged) if changes else unchanged


def _with_layers(settings: Mapping[str, Any], before: Any, after: Any) -> dict[str, Any]:
    """Cut the lists that have an entry for each layer, such as the kinds of attention."""
    if not (isinstance(before, int) and isinstance(after, int)) or after >= before:
        return dict(settings)
    return {
        key: value[:after] if isinstance(value, list) and len(value) == before else value
        for key, value in settings.items()
    }


def _class_for(library: Any, config: Any) -> Any:
    """Find the class of the model that a configuration is for.

    The automatic classes report it, the plain one first. Some of them build a part of a model from the
    configuration of the whole, and some models have no `forward` and only hold others: another is taken
    where there is one. A few models are in no table; those are next to their configuration.
    """
    tables = importlib.import_module("transformers.models.auto.modeling_auto")
    offered = [each for each in vars(tables).values() if isinstance(each, type)]
    automatic: list[Any] = [
        each for each in offered if getattr(each, "_model_mapping", None) is not None
    ]
    automatic.sort(key=lambda each: (*_FIRST, each.__name__).index(each.__name__))
    found: list[Any] = []
    for each in automatic:
        if type(config) in each._model_mapping:
            entry = each._model_mapping[type(config)]
            found += entry if isinstance(entry, (list, tuple)) else [entry]
    if not found:
        module = importlib.import_module(type(config).__module__.replace("configuration_", "modeling_"))
        found = [each for each in vars(module).values() if _is_model(each, library)]
    for each in sorted(found, key=lambda each: not _has_forward(each)):
        if each.config_class is type(config):
            return each
    if found:
        return found[0]
    raise LoadError(
        f"transformers has no model for a {type(config).__name__} alone",
        hint="it configures a part: name the model that it is a part of",
    )


def _is_model(value: Any, library: Any) -> bool:
    is_class = isinstance(value, type) and issubclass(value, library.PreTrainedModel)
    return is_class and "PreTrained" not in value.__name__


def _has_forward(model_class: Any) -> bool:
    return bool(model_class.forward.__name__ != "_forward_unimplemented")
