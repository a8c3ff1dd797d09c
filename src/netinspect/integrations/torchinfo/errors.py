"""Errors with the exception types that torchinfo raises, and the texts of netinspect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netinspect.advice import Signature, with_python_names
from netinspect.errors import ForwardError, NetinspectError, UsageError

if TYPE_CHECKING:
    from netinspect.integrations.torchinfo.model_statistics import ModelStatistics


class InvalidValueError(UsageError, ValueError):
    """An argument has a value that is not accepted."""


class InvalidTypeError(UsageError, TypeError):
    """An argument has a type that is not accepted."""


class InvalidCallError(UsageError, RuntimeError):
    """Arguments contradict each other, or do not match `forward` or the machine."""


class RunFailedError(ForwardError, RuntimeError):
    """Forward raised.

    Args:
        message: As for all errors.
        statistics: The summary of the layers that ran; None if it cannot be built.
        parts: As for all errors.
    """

    def __init__(self, message: str, *, statistics: ModelStatistics | None = None, **parts: Any) -> None:
        super().__init__(message, **parts)
        self.statistics = statistics


def as_invalid_call(error: NetinspectError, advice: Signature) -> InvalidCallError:
    """Return an error of netinspect as one that torchinfo's callers catch."""
    return InvalidCallError(**_parts(error, advice))


def run_failed(statistics: ModelStatistics, advice: Signature) -> RunFailedError:
    """Return the error of a forward that raised, with its explanation."""
    from netinspect.rendering.failure import forward_error

    diagnosis = statistics.report.header.failure
    assert diagnosis is not None
    parts = _parts(forward_error(diagnosis), advice)
    if not diagnosis.remedies:
        parts["hint"] = "the attribute `statistics` of this error has the layers that ran"
    return RunFailedError(**parts, statistics=statistics)


def _parts(error: NetinspectError, advice: Signature) -> dict[str, Any]:
    """Return the parts of an error, with advice in the arguments of torchinfo's `summary`."""
    texts = {"message": error.message, "cause": error.cause, "hint": error.hint}
    return {
        "place": error.place,
        "excerpt": error.excerpt,
        **{name: text and with_python_names(text, advice) for name, text in texts.items()},
    }
