"""Adapter for transformers: models by the configuration in a folder, by model type or by class.

It reads the configuration only: no weights, and never code that comes with a configuration.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from netinspect.errors import LoadError, suggestion
from netinspect.targets.libraries.config_files import config_file, read_config
from netinspect.targets.libraries.names import model_names

_FIRST = (
    "AutoModel",
    "AutoModelForCausalLM",
    "AutoModelForSeq2SeqLM",
    "AutoModelForImageClassification",
)
"""Auto classes that are searched first for the model class of a configuration, before all others."""

_LAYERS = "num_hidden_layers"


def find_builder(name: str, *, online: bool) -> Callable[..., Any]:
    """Return the function that builds a transformers model; its arguments change the configuration.

    Args:
        name: A local folder or file, a model type, a class, or the name of a model on the hub.
        online: Whether the configuration may be downloaded from the hub.
    """
    library = importlib.import_module("transformers")
    file = config_file(name)
    if file is not None:
        return _from_settings(library, read_config(file), str(file))
    if name in model_names("transformers"):
        config_class = library.CONFIG_MAPPING[name]
        return _builder(library, config_class, {}, None)
    found = getattr(library, name, None)
    if isinstance(found, type):
        config_class = getattr(found, "config_class", None)
        if config_class is None:
            raise LoadError(
                f"{name} of transformers is not a model class with a configuration",
                hint=suggestion(name, model_names("transformers")),
            )
        return _builder(library, config_class, {}, found)
    if not online:
        raise LoadError(
            f"transformers does not export the class {name}",
            hint="name an exported class that contains it",
        )
    settings, _ = library.PreTrainedConfig.get_config_dict(name)
    return _from_settings(library, settings, name)


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
            f"{origin} needs custom code, which netinspect does not run",
            cause=f"its model type {model_type!r} is not one of transformers {library.__version__}",
            hint="if you trust the code, build the model in your own Python file and name that file",
        )
    elif "_class_name" in settings:
        raise LoadError(
            f"{origin} is not a configuration of transformers",
            cause=f"it names the class {settings['_class_name']!r} of diffusers",
            hint=f"diffusers:{origin}",
        )
    else:
        raise LoadError(
            f"transformers {library.__version__} has no model for {origin}",
            cause=f"model_type is {model_type!r}, architectures is {settings.get('architectures')!r}",
            hint=suggestion(model_type or "", model_names("transformers"))
            or "a newer version of transformers may have it",
        )
    # Use the class of the library, even if the configuration also names custom code.
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
    """Return the configuration with some values changed.

    A dictionary changes values of a nested configuration: `text_config={"vocab_size": 99}`.
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
    """Truncate lists with one entry per layer, such as the types of attention."""
    if not (isinstance(before, int) and isinstance(after, int)) or after >= before:
        return dict(settings)
    return {
        key: value[:after] if isinstance(value, list) and len(value) == before else value
        for key, value in settings.items()
    }


def _class_for(library: Any, config: Any) -> Any:
    """Return the model class for a configuration.

    The tables of the auto classes list the candidates, `AutoModel` first. A class with the same
    configuration class and a `forward` is preferred: some classes build only a part of a model, and
    some only contain others. A few models are in no table; they are found next to their configuration.
    """
    tables = importlib.import_module("transformers.models.auto.modeling_auto")
    classes = [each for each in vars(tables).values() if isinstance(each, type)]
    automatic: list[Any] = [
        each for each in classes if getattr(each, "_model_mapping", None) is not None
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
        hint="it configures a part of a model: name the whole model",
    )


def _is_model(value: Any, library: Any) -> bool:
    is_class = isinstance(value, type) and issubclass(value, library.PreTrainedModel)
    return is_class and "PreTrained" not in value.__name__


def _has_forward(model_class: Any) -> bool:
    return bool(model_class.forward.__name__ != "_forward_unimplemented")
