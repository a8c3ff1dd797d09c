"""What the user asks for as inputs, before any model is known; no torch is needed."""

from __future__ import annotations

from netinspect.errors import UsageError
from netinspect.inputs.spec import InputSpec, parse_spec
from netinspect.records.base import record


@record
class InputRequest:
    """What was asked for, before any model is known."""

    specs: tuple[InputSpec, ...] = ()
    """In the order given; empty to take what the model declares."""

    batch: int | None = None
    """First dimension of every input; None to leave it."""

    seed: int = 0
    start: tuple[tuple[str, str], ...] = ()
    """Specs with their reasons to begin a search with, as one on other tensors had come to them."""

    @classmethod
    def parse(
        cls, specs: tuple[str, ...] = (), *, batch: int | None = None, seed: int = 0
    ) -> InputRequest:
        """Read spec strings.

        Raises:
            UsageError: One of them does not follow the grammar.
        """
        return cls(specs=tuple(parse_spec(text) for text in specs), batch=batch, seed=seed)


def check_sources(**given: bool) -> None:
    """Make sure that inputs come from one place; a batch goes with specs only.

    Args:
        given: Whether each of `input`, `inputs_from`, `input_file` and `batch` was.

    Raises:
        UsageError: They come from several.
    """
    chosen = [f"--{name.replace('_', '-')}" for name, used in given.items() if used]
    if len(chosen) > 1 and chosen != ["--input", "--batch"]:
        raise UsageError(
            f"inputs come from one place, and {' and '.join(chosen)} were given",
            hint="leave all but one of them out",
        )
