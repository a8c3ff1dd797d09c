"""Arguments of the constructor of a model, which often state the sizes of its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from netinspect._utils.signatures import signature_of


@dataclass(frozen=True, slots=True)
class Construction:
    """Arguments with which a model was built."""

    given: Mapping[str, Any] = field(default_factory=dict)
    """Arguments that the user passed, such as those of `--arg`."""

    read: Mapping[str, Any] = field(default_factory=dict)
    """Arguments that were read from files of the project, with plain values."""

    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Defaults of the other arguments of the class or factory function."""

    @classmethod
    def of(
        cls, built_from: Any, given: Mapping[str, Any], read: Mapping[str, Any] | None = None
    ) -> Construction:
        """Return the construction of a model.

        Args:
            built_from: The class or factory function.
            given: Arguments that the user passed.
            read: Arguments that were read from files of the project.
        """
        read = read or {}
        return cls(given=given, read=read, defaults=_defaults_of(built_from, {**read, **given}))

    @classmethod
    def of_instance(cls, model: Any) -> Construction:
        """Return the defaults of the class of a model that was built elsewhere, which may not apply."""
        return cls(defaults=_defaults_of(type(model), {}))


def _defaults_of(function: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    try:
        parameters = signature_of(function).parameters.values()
    except (TypeError, ValueError):
        return {}
    return {
        each.name: each.default
        for each in parameters
        if each.default is not each.empty and each.name not in given
    }
