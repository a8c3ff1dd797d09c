"""Refinements with one more argument: labels, and optional arguments that forward needs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netinspect.inputs.infer.argument_names import guess_by_name
from netinspect.inputs.infer.candidate import Candidate, Guess, tensor
from netinspect.inputs.infer.docstrings import refine_by_docstring
from netinspect.inputs.infer.from_libraries import guess_of_library
from netinspect.inputs.infer.labels import with_labels
from netinspect.inputs.infer.model_facts import TOKENS, ModelFacts
from netinspect.inputs.infer.refinements.failed_attempt import FailedAttempt
from netinspect.records.base import replace


def labels(failed: FailedAttempt) -> Iterator[Candidate]:
    """Yield candidates with the labels that forward needs in train mode."""
    yield from with_labels(failed.candidate, failed.result.mismatches, failed.failure, failed.facts)


def named_argument(failed: FailedAttempt) -> Iterator[Candidate]:
    """Yield candidates with an optional argument that the error, or the line that raised it, names."""
    candidate, failure, facts = failed.candidate, failed.failure, failed.facts
    texts = [failure.message, failure.place.text if failure.place is not None else ""]
    if failure.type in ("TypeError", "AttributeError") and "NoneType" not in failure.message:
        texts.pop()
    given = _arguments_of(candidate)
    for text in texts:
        for name in facts.names.names:
            if name not in given and re.search(rf"\b{re.escape(name)}\b", text, re.IGNORECASE):
                guess = _guess(name, candidate, facts) or _like_first_argument(candidate, name)
                yield {**candidate, name: replace(guess, reason=f"{guess.reason}; forward needs it")}


NEVER_NEEDED = re.compile(
    r"(past|cache|output|return|use|is)_.*|.*labels?|encoder_outputs|.*head_mask|.*inputs_embeds|logits_to_keep"
)
"""Arguments that forward works without, or that replace other arguments."""


def optional_argument(failed: FailedAttempt) -> Iterator[Candidate]:
    """Yield candidates with one more optional argument, after an error about a value that is None."""
    candidate, failure, facts = failed.candidate, failed.failure, failed.facts
    step = failed.step
    if "NoneType" not in failure.message:
        return
    path, given = step.module if step is not None else "", _arguments_of(candidate)
    optional = [
        name
        for name, argument in facts.names.arguments.items()
        if name not in given and not argument.required and not NEVER_NEEDED.fullmatch(name)
    ]
    # A failed decoder most likely needs an argument that is named after it.
    for name in sorted(optional, key=lambda name: name.partition("_")[0] not in path):
        guess = _guess(name, candidate, facts)
        if guess is not None:
            reason = f"{guess.reason}; without it, a value was None"
            yield {**candidate, name: replace(guess, reason=reason)}


def _arguments_of(candidate: Candidate) -> set[str]:
    """Return the arguments of forward that a candidate fills, whole or by entries of a dictionary."""
    return {name.partition(".")[0] for name in candidate}


def _guess(name: str, candidate: Candidate, facts: ModelFacts) -> Guess | None:
    guess = guess_of_library(name, facts)
    return guess or refine_by_docstring(name, guess_by_name(name, candidate, facts), candidate, facts)


def _like_first_argument(candidate: Candidate, name: str) -> Guess:
    first = next(iter(candidate.values()), None)
    if first is None:
        return tensor(1, TOKENS, reason=f"an argument called {name}", firm=False)
    return replace(first, reason=f"{name} like the first argument", firm=False, solved=())
