"""Candidate inputs of a search: one guess per argument, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping

from netinspect.inputs.spec import InputSpec
from netinspect.records.base import record, replace


@record
class Guess:
    """Guess for one argument."""

    spec: InputSpec
    reason: str
    """The evidence, such as `conv1 takes 3 channels`."""

    firm: bool = True
    """True if the evidence is about this argument; a guess from a layer replaces other guesses."""

    solved: tuple[int, ...] = ()
    """Dimensions whose size was solved from the size that a layer expects."""

    configured: bool = False
    """True if sizes are settings of the model; larger ones are not tried."""

    def resized(self, dimensions: Mapping[int, int], reason: str) -> Guess:
        """Return the guess with some sizes changed."""
        shape = tuple(dimensions.get(index, size) for index, size in enumerate(self.spec.shape))
        return replace(
            self,
            spec=replace(self.spec, shape=shape),
            reason=reason,
            solved=tuple(sorted({*self.solved, *dimensions})),
        )


Candidate = dict[str, Guess]
"""One guess for each argument that is passed, by name."""


def tensor(
    *shape: int,
    reason: str,
    dtype: str = "float32",
    low: float | None = None,
    high: float | None = None,
    values: tuple[float, ...] = (),
    firm: bool = True,
) -> Guess:
    """Return the guess of a tensor."""
    spec = InputSpec(name=None, shape=shape, dtype=dtype, low=low, high=high, values=values)
    return Guess(spec=spec, reason=reason, firm=firm)


def format_specs(candidate: Candidate) -> tuple[str, ...]:
    """Format a candidate as input specs."""
    return tuple(str(replace(guess.spec, name=name)) for name, guess in candidate.items())


def describe_changes(before: Candidate, after: Candidate) -> str:
    """Describe the arguments in which two candidates differ, with the reasons of the second."""
    changed = [name for name in after if before.get(name) != after[name]]
    return "; ".join(f"{name}: {after[name].reason}" for name in changed)
