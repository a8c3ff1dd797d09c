"""Adapter for diffusers: models by the configuration in a folder, or by class.

It reads the configuration only: no weights, and never code that comes with a configuration.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from netinspect.errors import LoadError, suggestion
from netinspect.targets.libraries.config_files import config_file, read_config
from netinspect.targets.libraries.names import model_names

_CLASS = "_class_name"
"""Setting that names the class of a configuration."""


def find_builder(name: str, *, online: bool) -> Callable[..., Any]:
    """Return the function that builds a diffusers model; its arguments change the configuration.

    Args:
        name: A local folder or file, a class, or the name of a model on the hub, which may end in a
            folder of a pipeline, as in `org/name/unet`.
        online: Whether the configuration may be downloaded from the hub.
    """
    library = importlib.import_module("diffusers")
    file = config_file(name)
    if file is not None:
        return _from_settings(library, read_config(file), str(file))
    if name in model_names("diffusers"):
        return _builder(getattr(library, name), {})
    if not online:
        raise LoadError(
            f"diffusers has no model {name!r}", hint=suggestion(name, model_names("diffusers"))
        )
    owner, _, rest = name.partition("/")
    repository, _, folder = rest.partition("/")
    settings = library.ModelMixin.load_config(f"{owner}/{repository}", subfolder=folder or None)
    return _from_settings(library, settings, name)


def _from_settings(library: Any, settings: Mapping[str, Any], origin: str) -> Callable[..., Any]:
    name = settings.get(_CLASS)
    if name in model_names("diffusers"):
        return _builder(getattr(library, name), settings)
    if name is None and "model_type" in settings:
        raise LoadError(
            f"{origin} is not a configuration of diffusers",
            cause=f"it has no {_CLASS}, but the model type {settings['model_type']!r} of transformers",
            hint=f"transformers:{origin}",
        )
    raise LoadError(
        f"diffusers {library.__version__} has no model for {origin}",
        cause=f"its {_CLASS} is {name!r}",
        hint=suggestion(str(name or ""), model_names("diffusers"))
        or "a newer version of diffusers may have it",
    )


def _builder(model_class: Any, settings: Mapping[str, Any]) -> Callable[..., Any]:
    """Return a function that builds a class from settings, some of which its arguments change."""
    signature = inspect.signature(model_class)

    def build(**changes: Any) -> Any:
        # Settings of another version are ignored, as diffusers does.
        known = {key: settings[key] for key in settings if key in signature.parameters}
        return model_class(**{**known, **changes})

    # Missing and unknown arguments are reported from the signature.
    build.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[
            each.replace(default=settings[name]) if name in settings else each
            for name, each in signature.parameters.items()
        ]
    )
    return build
