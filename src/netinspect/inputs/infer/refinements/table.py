"""Table of the refinements, in the order in which their candidates are run."""

from __future__ import annotations

from collections.abc import Iterator

from netinspect.inputs.infer.attempts import AttemptResult
from netinspect.inputs.infer.candidate import Candidate
from netinspect.inputs.infer.model_facts import ModelFacts
from netinspect.inputs.infer.refinements import (
    added_arguments,
    conditions,
    indices,
    joins,
    layers,
    ranks,
    shapes,
    states,
    values,
)
from netinspect.inputs.infer.refinements.failed_attempt import Refine, read_failure

REFINEMENTS: tuple[Refine, ...] = (
    conditions.required_sizes,
    values.within_range,
    indices.index_argument,
    indices.one_id_per_example,
    layers.from_its_layer,
    states.state_size,
    states.time_first,
    joins.shared_size,
    layers.channels_last,
    ranks.batch_dimension,
    values.another_dtype,
    shapes.described_shape,
    shapes.another_size,
    shapes.least_size,
    shapes.multiples,
    values.placeholder_tokens,
    ranks.another_rank,
    added_arguments.labels,
    added_arguments.named_argument,
    added_arguments.optional_argument,
    ranks.two_examples,
    ranks.joined_batch,
)
"""The most certain evidence first."""


def refinements(result: AttemptResult, facts: ModelFacts) -> Iterator[Candidate]:
    """Yield the candidates to try after a failed one, the most likely first.

    `solve_sizes` handles sizes that do not occur in the candidate.
    """
    failed = read_failure(result, facts)
    if failed is not None:
        for refine in REFINEMENTS:
            yield from refine(failed)
