"""No network, unless it was asked for: what a library may do while it builds a model."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_VARIABLES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_CONSTANTS = "huggingface_hub.constants"


@contextmanager
def network(*, allowed: bool) -> Iterator[None]:
    """Keep the hub client offline while entered, then restore its settings.

    It reads the environment once, when it is imported. One that was imported before is reported by its
    constant; one that is imported meanwhile must not stay offline for the rest of the process.
    """
    if allowed:
        yield
        return
    before = {name: os.environ.get(name) for name in _VARIABLES}
    constants = sys.modules.get(_CONSTANTS)
    was = getattr(constants, _VARIABLES[0], None)
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
            was = setting.upper() in ("1", "ON", "YES", "TRUE")
        if constants is not None:
            vars(constants)[_VARIABLES[0]] = was
