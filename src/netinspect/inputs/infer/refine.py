"""Refinement of a failed candidate: the next candidates, from the error and the step that raised it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from netinspect.analysis.diagnosis.messages import reports
from netinspect.analysis.diagnosis.size_mismatch import reported_sizes, wanted_unit
from netinspect.inputs.infer.argument_names import Meaning, guess_by_name, meaning_of
from netinspect.inputs.infer.attempts import AttemptResult
from netinspect.inputs.infer.batch_statistics import TWO
from netinspect.inputs.infer.candidate import Candidate, Guess, tensor
from netinspect.inputs.infer.docstrings import parse_shape_in_words, refine_by_docstring
from netinspect.inputs.infer.from_layers import guess_for_layer, guess_for_weight
from netinspect.inputs.infer.from_libraries import guess_of_library
from netinspect.inputs.infer.labels import with_labels
from netinspect.inputs.infer.model_facts import TOKENS, ModelFacts
from netinspect.inputs.spec import InputSpec
from netinspect.records.base import replace
from netinspect.records.dataflow import sources_of
from netinspect.records.steps import Failure, Step
from netinspect.tracing.model.members import find_module

_NUMBERS = re.compile(r"long|\bint|float|double|half", re.IGNORECASE)
_WANTS_INTEGERS = (
    "tensors used as indices must be",
    "Expected tensor for argument #1 'indices'",
    "expected scalar type Long",
    "one_hot is only applicable to index tensor",
    "gather(): Expected dtype int",
    "index_select(): Expected dtype int",
    "must be an integer",
    "Expected dtype int64",
    "expected Long",
)
_WANTS_BOOLEANS = ("only supports boolean masks", "boolean tensor", "expected condition to be")


def refinements(result: AttemptResult, facts: ModelFacts) -> Iterator[Candidate]:
    """Yield the candidates to try after a failed one, the most likely first.

    `solve_sizes` handles sizes that the error does not name.
    """
    candidate, step, failure, steps = result.candidate, result.step, result.failure, result.forward.steps
    if failure is None:
        return
    culprits = sources_of(step, steps) if step is not None else []
    culprits = [name for name in culprits if name in candidate] or list(candidate)
    if step is not None:
        yield from _from_its_layer(candidate, step, failure.message, facts)
        yield from _channels_last(candidate, culprits, step, facts)
    yield from with_batch_dimension(result)
    yield from _of_another_dtype(candidate, culprits, failure)
    yield from _with_reported_sizes(result, culprits, facts)
    yield from _not_negative(candidate, culprits, failure)
    yield from _with_placeholder_tokens(candidate, failure, facts)
    yield from _of_another_rank(candidate, culprits, failure)
    yield from with_labels(candidate, step, failure, facts)
    yield from _with_named_argument(candidate, failure, facts)
    yield from _with_optional_argument(candidate, step, failure, facts)
    if reports(failure.message, "examples"):
        yield from _batched(candidate, culprits)


def _from_its_layer(
    candidate: Candidate, step: Step, message: str, facts: ModelFacts
) -> Iterator[Candidate]:
    """Yield candidates with the input that the failed layer expects of an argument it takes directly."""
    for name in step.arguments:
        current = candidate.get(name)
        if current is None:
            continue
        guess: Guess | None = None
        layer = find_module(facts.model, step.module) if step.module else None
        if layer is not None:
            guess = guess_for_layer(step.module, layer, name, facts)
        for weight in step.parameters:
            guess = guess or guess_for_weight(step.name, weight, facts.shapes.get(weight, ()), facts)
        if guess is not None and "index out of range" in message and _kind(guess) == _kind(current):
            yield {
                **candidate,
                name: replace(current, spec=_in_range_of(guess, current), reason=guess.reason),
            }
            continue
        # A firm guess of the same dtype and rank is not replaced: its sizes can be solved.
        if guess is not None and (
            not current.firm
            or _kind(guess) != _kind(current)
            or len(guess.spec.shape) != len(current.spec.shape)
        ):
            yield {**candidate, name: guess}


def _in_range_of(guess: Guess, current: Guess) -> InputSpec:
    return replace(current.spec, low=guess.spec.low, high=guess.spec.high)


def with_batch_dimension(result: AttemptResult) -> Iterator[Candidate]:
    """Yield candidates with a batch dimension where a convolution took an example without one."""
    for step in result.forward.steps:
        for name in step.arguments:
            guess = result.candidate.get(name)
            if guess is not None and _is_unbatched(step, guess):
                batched = replace(guess, spec=guess.spec.with_shape((1, *guess.spec.shape)))
                yield {**result.candidate, name: batched}


def _is_unbatched(step: Step, guess: Guess) -> bool:
    """Return whether a step convolves an argument as one example without a batch."""
    match = re.fullmatch(r"conv(?:_transpose)?(\d)d", step.name)
    return match is not None and len(guess.spec.shape) == int(match[1]) + 1


def _channels_last(
    candidate: Candidate, culprits: Sequence[str], step: Step, facts: ModelFacts
) -> Iterator[Candidate]:
    """Yield images with channels last, for an argument that is transposed before the convolution."""
    if not step.name.startswith("conv") or not any(
        len(facts.shapes.get(each, ())) > 3 for each in step.parameters
    ):
        return
    for name in culprits:
        guess = candidate[name]
        if name not in step.arguments and len(guess.spec.shape) == 4:
            batch, channels, *sides = guess.spec.shape
            spec = guess.spec.with_shape((batch, *sides, channels))
            yield {
                **candidate,
                name: replace(guess, spec=spec, reason=f"{guess.reason}; channels come last"),
            }


def _kind(guess: Guess) -> str:
    return guess.spec.dtype.rstrip("0123456789")


def _of_another_dtype(
    candidate: Candidate, culprits: Sequence[str], failure: Failure
) -> Iterator[Candidate]:
    message = failure.message
    if any(text in message for text in _WANTS_BOOLEANS):
        for name in reversed(culprits):
            yield _with_dtype(candidate, name, "bool", "a boolean mask is expected")
        return
    wants_integers = any(text in message for text in _WANTS_INTEGERS)
    mixes = "dtype" in message or "type" in message
    if not wants_integers and not (mixes and _NUMBERS.search(message)):
        return
    for name in culprits:
        is_float = candidate[name].spec.dtype.startswith(("float", "bfloat"))
        if wants_integers and is_float:
            yield _with_dtype(candidate, name, "int64", "indices are expected")
        elif not wants_integers and not is_float:
            yield _with_dtype(candidate, name, "float32", "floats are expected")


def _with_dtype(candidate: Candidate, name: str, dtype: str, reason: str) -> Candidate:
    guess = candidate[name]
    low, high = (0, 1) if dtype in ("int64", "bool") else (None, None)
    return {
        **candidate,
        name: replace(guess, spec=replace(guess.spec, dtype=dtype, low=low, high=high), reason=reason),
    }


def _with_reported_sizes(
    result: AttemptResult, culprits: Sequence[str], facts: ModelFacts
) -> Iterator[Candidate]:
    """Yield candidates with the sizes that the model's own error message names."""
    candidate, message = result.candidate, result.failure.message if result.failure is not None else ""
    shape, wanted = parse_shape_in_words(message, facts), wanted_unit(result.step, message)
    for name in culprits:
        guess = candidate[name]
        sizes = guess.spec.shape
        named = [size for size in sizes if re.search(rf"\b{size}\b", message)]
        if shape is not None and len(shape) != len(sizes):
            yield {
                **candidate,
                name: replace(guess, spec=guess.spec.with_shape(shape), reason=_FROM_MESSAGE),
            }
        if len(sizes) == 3 and sizes[-1] in named and meaning_of(name) is Meaning.SPECTRUM:
            turned = (*sizes[:-2], sizes[-1], sizes[-2])
            reason = f"{guess.reason}; frames come last"
            yield {**candidate, name: replace(guess, spec=guess.spec.with_shape(turned), reason=reason)}
        for got, instead in reported_sizes(message):
            indices = [index for index, size in enumerate(sizes) if size == got]
            if len(indices) > 1:
                yield {**candidate, name: guess.resized(dict.fromkeys(indices, instead), _FROM_MESSAGE)}
            for index in indices:
                yield {**candidate, name: guess.resized({index: instead}, _FROM_MESSAGE)}
        for index, size in reversed([*enumerate(sizes)]):
            unit = wanted.of(size) if wanted is not None else 1
            # A larger batch does not change the other sizes.
            if size % unit and (size in named or not named) and (index or len(sizes) < 3):
                yield {**candidate, name: guess.resized({index: -(-size // unit) * unit}, _FROM_MESSAGE)}


_FROM_MESSAGE = "expected by the error message of the model"
_RANKS = (
    r"expected (?P<rank>\d)D(?: or (?P<other>\d)D)? input",
    r"Expected (?:\dD \(unbatched\) or )?(?P<rank>\d)D \(batched\) input",
    r"[Ii]nput to be \dD or (?P<rank>\d)D",
    r"[Ii]nput must have (?P<rank>\d) dimensions",
    r"too many values to unpack \(expected (?P<rank>\d)",
    r"not equal to len\(dims\) = (?P<rank>\d)",
    r"equation \((?P<rank>\d)\) does not match the number of dimensions",
    r"same number of dimensions: got (?P<rank>\d) and (?P<other>\d)",
    r"must be (?P<rank>\d)-?[dD]",
    r"[Ee]xpected (?:a )?(?P<rank>\d)-?[dD]",
)
_DEEPER = (
    "Dimension out of range",
    "non-existing dimension",
    "too many indices for tensor",
    "index out of range",
    "IndexError",
)


def _of_another_rank(
    candidate: Candidate, culprits: Sequence[str], failure: Failure
) -> Iterator[Candidate]:
    ranks: list[int] = []
    for pattern in _RANKS:
        if (match := re.search(pattern, failure.message)) is not None:
            ranks += [int(rank) for rank in match.groups() if rank]
            break
    fewer = re.search(r"not enough values to unpack \(expected (\d), got (\d)\)", failure.message)
    for name in culprits:
        guess = candidate[name]
        wanted = list(ranks)
        if fewer is not None:
            # The unpacked tensor may be a slice of the input: both lack the same number of dimensions.
            wanted = [int(fewer[1]), len(guess.spec.shape) + int(fewer[1]) - int(fewer[2])]
        if not wanted and any(text in failure.message for text in _DEEPER):
            wanted = [len(guess.spec.shape) + 1]
        for rank in wanted:
            if 0 < rank <= 6 and rank != len(guess.spec.shape):
                yield from (
                    {
                        **candidate,
                        name: replace(guess, spec=replace(guess.spec, shape=shape), reason=reason),
                    }
                    for shape, reason in _reshaped(guess, rank)
                )


def _reshaped(guess: Guess, rank: int) -> Iterator[tuple[tuple[int, ...], str]]:
    shape, reason = guess.spec.shape, f"{rank} dimensions are expected"
    missing = rank - len(shape)
    if missing < 0:
        yield (*shape[:1], *shape[1 - missing :]), reason
        yield shape[:rank], reason
    elif rank == 4 and len(shape) <= 2:
        yield (1, 3, 224, 224), f"{reason}, as in images"
        yield (1, 1, 28, 28), f"{reason}, as in images"
    elif len(shape) >= 2:
        # A sequence of the current tensors, or channels before their dimensions.
        yield (*shape[:1], *[TOKENS] * missing, *shape[1:]), reason
        yield (*[1] * missing, *shape), reason
    else:
        yield (*shape, *[TOKENS] * missing), reason


def _with_named_argument(
    candidate: Candidate, failure: Failure, facts: ModelFacts
) -> Iterator[Candidate]:
    """Yield candidates with an optional argument that the error, or the line that raised it, names."""
    texts = [failure.message, failure.place.text if failure.place is not None else ""]
    if failure.type in ("TypeError", "AttributeError") and "NoneType" not in failure.message:
        texts.pop()
    given = _arguments_of(candidate)
    for text in texts:
        for name in facts.names.names:
            if name not in given and re.search(rf"\b{re.escape(name)}\b", text, re.IGNORECASE):
                guess = guess_of_library(name, facts) or refine_by_docstring(
                    name, guess_by_name(name, candidate, facts), candidate, facts
                )
                guess = guess or _like_first_argument(candidate, name)
                if guess is not None:
                    yield {
                        **candidate,
                        name: replace(guess, reason=f"{guess.reason}; forward needs it"),
                    }


def _not_negative(
    candidate: Candidate, culprits: Sequence[str], failure: Failure
) -> Iterator[Candidate]:
    """Yield candidates with floats from 0 to 1, for floats that are converted to indices."""
    for name in culprits if "out of range" in failure.message else ():
        guess = candidate[name]
        if guess.spec.dtype.startswith(("float", "bfloat")) and guess.spec.low is None:
            reason = f"{guess.reason}; some values are indices"
            yield {**candidate, name: replace(guess, spec=guess.spec.with_range(0, 1), reason=reason)}


_FEATURES_AND_TOKENS = re.compile(
    r"(?P<kind>\w{1,40}) features and .{0,99}tokens do not match.{0,99}tokens:? \d{1,9}.{0,99}"
    r"features:? (?P<features>\d{1,9})",
    re.DOTALL,
)


def _with_placeholder_tokens(
    candidate: Candidate, failure: Failure, facts: ModelFacts
) -> Iterator[Candidate]:
    """Yield token ids with one placeholder for each feature of an image or of audio."""
    match = _FEATURES_AND_TOKENS.search(failure.message)
    if match is None:
        return
    kind = match["kind"].lower()
    token = facts.setting(f"{kind}_token_id", f"{kind}_token_index", "image_token_id")
    for name, guess in candidate.items():
        if isinstance(token, int) and meaning_of(name) is Meaning.TOKENS:
            spec = guess.spec.with_shape((1, int(match["features"]))).with_range(token, token)
            reason = f"one placeholder token {token} per feature of the {kind}"
            yield {**candidate, name: replace(guess, spec=spec, reason=reason)}


_NEVER_NEEDED = re.compile(
    r"(past|cache|output|return|use|is)_.*|.*labels?|encoder_outputs|.*head_mask|.*inputs_embeds|logits_to_keep"
)
"""Arguments that forward works without, or that replace other arguments."""


def _with_optional_argument(
    candidate: Candidate, step: Step | None, failure: Failure, facts: ModelFacts
) -> Iterator[Candidate]:
    """Yield candidates with one more optional argument, after an error about a value that is None."""
    if "NoneType" not in failure.message:
        return
    path, given = step.module if step is not None else "", _arguments_of(candidate)
    optional = [
        name
        for name, argument in facts.names.arguments.items()
        if name not in given and not argument.required and not _NEVER_NEEDED.fullmatch(name)
    ]
    # A failed decoder most likely needs an argument that is named after it.
    for name in sorted(optional, key=lambda name: name.partition("_")[0] not in path):
        guess = guess_of_library(name, facts) or refine_by_docstring(
            name, guess_by_name(name, candidate, facts), candidate, facts
        )
        if guess is not None:
            yield {
                **candidate,
                name: replace(guess, reason=f"{guess.reason}; without it, a value was None"),
            }


def _arguments_of(candidate: Candidate) -> set[str]:
    """Return the arguments of forward that a candidate fills, whole or by entries of a dictionary."""
    return {name.partition(".")[0] for name in candidate}


def _like_first_argument(candidate: Candidate, name: str) -> Guess | None:
    first = next(iter(candidate.values()), None)
    if first is None:
        return tensor(1, TOKENS, reason=f"an argument called {name}", firm=False)
    return replace(first, reason=f"{name} like the first argument", firm=False, solved=())


def _batched(candidate: Candidate, culprits: Sequence[str]) -> Iterator[Candidate]:
    """Yield candidates with two examples of all inputs, then of those that reach the failed step."""
    single = [name for name, guess in candidate.items() if guess.spec.shape[:1] == (1,)]
    for names in (single, [name for name in culprits if name in single]):
        yield {
            name: replace(guess, spec=guess.spec.with_batch(2), reason=f"{guess.reason}; {TWO}")
            if name in names
            else guess
            for name, guess in candidate.items()
        }
