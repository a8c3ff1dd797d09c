"""Requests for inputs, parsed from the command line or the Python API without importing torch."""

from __future__ import annotations

from netinspect.errors import UsageError
from netinspect.inputs.spec import InputSpec, parse_spec
from netinspect.records.base import record


@record
class InputRequest:
    """Inputs that the user requested."""

    specs: tuple[InputSpec, ...] = ()
    """Specs in the order given; empty to use declared or inferred inputs."""

    batch: int | None = None
    """First dimension of every input; None to leave it unchanged."""

    seed: int = 0
    call: str = "forward"
    """Method of the model that takes them."""

    device: str | None = None
    """Device of the tensors to make; None for that of the model."""

    start: tuple[tuple[str, str], ...] = ()
    """Specs with reasons that a search starts with: the result of a search in another tensor mode."""

    expected: tuple[tuple[str, InputSpec, str], ...] = ()
    """Arguments with the dtype and range that a failed call expects of them, and the reason."""

    @classmethod
    def parse(
        cls,
        specs: tuple[str, ...] = (),
        *,
        batch: int | None = None,
        seed: int = 0,
        call: str = "forward",
    ) -> InputRequest:
        """Parse spec strings.

        Raises:
            UsageError: A spec does not follow the grammar.
        """
        return cls(specs=tuple(parse_spec(text) for text in specs), batch=batch, seed=seed, call=call)


def check_sources(**given: bool) -> None:
    """Check that inputs come from one option; `--batch` may accompany `--input` only.

    Args:
        given: Whether each of `input`, `inputs_from`, `input_file` and `batch` was given.

    Raises:
        UsageError: Inputs come from several options.
    """
    chosen = [f"--{name.replace('_', '-')}" for name, used in given.items() if used]
    if len(chosen) > 1 and chosen != ["--input", "--batch"]:
        raise UsageError(
            f"expected one source of inputs, got {' and '.join(chosen)}",
            hint="give only one of these options",
        )
