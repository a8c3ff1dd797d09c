"""Offline mode of the Hugging Face Hub client while a library builds a model."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_CONSTANTS = "huggingface_hub.constants"


@contextmanager
def network(*, allowed: bool) -> Iterator[None]:
    """Keep the hub client offline inside the block, unless allowed, and restore its settings.

    The client reads the environment once, when it is imported. If it was imported before, its constant
    is set; if it is imported inside the block, its constant is reset at the end.
    """
    if allowed:
        yield
        return
    before = {name: os.environ.get(name) for name in _VARIABLES}
    constants = sys.modules.get(_CONSTANTS)
    was_offline = getattr(constants, _VARIABLES[0], None)
    os.environ.update(dict.fromkeys(_VARIABLES, "1"))
    if constants is not None:
        vars(constants)[_VARIABLES[0]] = True
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if constants is None and (constants := sys.modules.get(_CONSTANTS)) is not None:
            setting = next((value for value in before.values() if value), "")
            was_offline = setting.upper() in ("1", "ON", "YES", "TRUE")
        if constants is not None:
            vars(constants)[_VARIABLES[0]] = was_offline
