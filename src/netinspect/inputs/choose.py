"""Choice of the arguments of `forward`: the entry point of this package for the runner.

Precedence: inputs from the user, inputs declared by the model's file or by the model, inputs known for
its library, and inputs inferred from names, layers and short runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import nn

from netinspect.errors import UsageError
from netinspect.inputs.arguments import join_arguments, make_arguments
from netinspect.inputs.budget import Budget
from netinspect.inputs.construction import Construction
from netinspect.inputs.declared import declared_specs, live_example
from netinspect.inputs.inherit import inherit
from netinspect.inputs.request import InputRequest
from netinspect.inputs.signature import forward_names
from netinspect.inputs.spec import InputSpec, is_name, parse_spec
from netinspect.records.base import replace
from netinspect.records.request import TraceRequest
from netinspect.records.steps import Failure
from netinspect.records.trace import Attempt, split_specs
from netinspect.tracing.arguments import Argument
from netinspect.tracing.capture import Forward, observe

if TYPE_CHECKING:
    from netinspect.inputs.infer.candidate import Candidate
    from netinspect.inputs.infer.model_facts import ModelFacts


@dataclass(frozen=True, slots=True)
class Choice:
    """Chosen arguments of forward and the attempts that led to them."""

    arguments: list[Argument]
    attempts: tuple[Attempt, ...] = ()
    forward: Forward | None = None
    """Forward on exactly these arguments, if inference ran it."""

    repeats: int = 0
    """Number of attempts that failed in the same way, if that ended the inference."""


def choose_inputs(
    model: nn.Module,
    inputs: InputRequest,
    request: TraceRequest,
    *,
    values: Sequence[Argument] = (),
    target: str | None = None,
    stops_at: Callable[[Failure], bool] = lambda failure: False,
    budget: Budget | None = None,
    construction: Construction | None = None,
) -> Choice:
    """Choose the arguments of `forward`: given or declared ones, otherwise inferred ones.

    Args:
        model: The live module.
        inputs: Inputs that the user requested.
        request: Request of the run.
        values: Arguments that the caller gave, next to the requested inputs.
        target: The target string, which names a library's model more precisely than its class.
        stops_at: Returns whether no other input can fix a failure.
        budget: Budget of a search; None for a new one.
        construction: Arguments that the model was built with; None if unknown.

    Raises:
        UsageError: The requested inputs do not match the signature of `forward`.
    """
    declared = declared_specs(model, inputs)
    names = forward_names(model, inputs.call)
    if declared is not None and any(spec.only_sizes for spec, _ in declared) and inputs.specs:
        declared = inherit(declared, model, inputs, target, training=bool(request.train))
    settled = set(names.complete(spec.head for spec, _ in declared or ()))
    missing = [name for name in names.required if name not in settled]
    if values:
        made = make_arguments(model, declared or (), inputs, complete=False)
        return Choice(join_arguments(model, made, values, inputs.call))
    if declared is not None and not (missing and inputs.specs):
        return Choice(make_arguments(model, declared, inputs))
    if declared is None and (example := live_example(model, inputs.call)) is not None:
        return Choice(example)
    # Imported here: models with given or declared inputs do not need inference.
    from netinspect.inputs.infer.model_facts import read_facts

    training = bool(request.train)
    facts = read_facts(model, training=training, construction=construction, call=inputs.call)
    return _inferred(facts, declared or [], inputs, request, target, stops_at, budget or Budget())


def _inferred(
    facts: ModelFacts,
    declared: list[tuple[InputSpec, str]],
    inputs: InputRequest,
    request: TraceRequest,
    target: str | None,
    stops_at: Callable[[Failure], bool],
    budget: Budget,
) -> Choice:
    from netinspect.inputs.infer.attempt_result import InvalidCandidate
    from netinspect.inputs.infer.candidate import Guess
    from netinspect.inputs.infer.from_libraries import known_inputs
    from netinspect.inputs.infer.infer_inputs import infer

    model = facts.model
    # Checks that the given names exist and that none is given twice.
    fixed = make_arguments(model, declared, inputs, complete=False)
    given = {
        spec.name or argument.record.name: Guess(spec=spec, reason=argument.record.origin)
        for argument in fixed
        for spec in map(parse_spec, argument.record.specs)
    }

    def specs_of(candidate: Candidate) -> list[tuple[InputSpec, str]]:
        return [
            (replace(guess.spec, name=name if is_name(name) else None), guess.reason)
            for name, guess in candidate.items()
        ]

    def arguments_of(candidate: Candidate) -> list[Argument]:
        try:
            without_batch = replace(inputs, batch=None)
            return make_arguments(model, specs_of(candidate), without_batch, complete=False)
        except UsageError as error:  # the spec was guessed, not given by the user
            raise InvalidCandidate(error.message) from error

    found = infer(
        facts,
        lambda candidate, most_steps: observe(
            model, arguments_of(candidate), replace(request, max_steps=most_steps), budget.watch()
        ),
        given=given,
        known={
            **known_inputs(facts, target),
            **{
                spec.name or facts.names.at(index): Guess(spec=spec, reason=reason)
                for index, (texts, reason) in enumerate(inputs.start)
                for spec in _parsed(texts)
            },
        },
        stops_at=stops_at,
        budget=budget,
    )
    arguments, forward = arguments_of(found.candidate), found.forward
    if inputs.batch is not None:
        specs = specs_of(found.candidate)
        arguments, forward = make_arguments(model, specs, inputs, complete=False), None
    return Choice(arguments, found.attempts, forward, found.repeats)


def _parsed(texts: str) -> Iterator[InputSpec]:
    """Parse generated specs; skip one that cannot be parsed, since the user did not write it."""
    for text in split_specs(texts):
        with suppress(UsageError):
            yield parse_spec(text)
