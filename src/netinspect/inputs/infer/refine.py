"""Refinement of a failed candidate: the next candidates, from the error and the step that raised it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from netinspect.analysis.diagnosis.convolution import SPATIAL
from netinspect.analysis.diagnosis.mismatch import Kind, Mismatch
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


def refinements(result: AttemptResult, facts: ModelFacts) -> Iterator[Candidate]:
    """Yield the candidates to try after a failed one, the most likely first.

    `solve_sizes` handles sizes that do not occur in the candidate.
    """
    candidate, step, failure = result.candidate, result.step, result.failure
    if failure is None:
        return
    culprits = sources_of(step.input_origins, result.forward.steps) if step is not None else []
    culprits = [name for name in culprits if name in candidate] or list(candidate)
    expected: dict[Kind, list[Mismatch]] = {}
    for each in result.mismatches:
        sources = [name for name in each.sources if name in candidate] or culprits
        expected.setdefault(each.kind, []).append(each._replace(sources=tuple(sources)))
    yield from _within_range(candidate, expected.get("range", ()))
    if step is not None:
        yield from _from_its_layer(candidate, step, facts)
        yield from _channels_last(candidate, culprits, step, facts)
    yield from with_batch_dimension(result)
    yield from _of_another_dtype(candidate, expected.get("dtype", ()))
    yield from _in_words(candidate, culprits, failure, facts)
    yield from _of_another_size(candidate, expected.get("size", ()))
    yield from _multiples(candidate, expected.get("multiple", ()), failure)
    yield from _with_placeholder_tokens(candidate, failure, facts)
    yield from _of_another_rank(candidate, culprits, expected.get("rank", ()))
    yield from with_labels(candidate, result.mismatches, failure, facts)
    yield from _with_named_argument(candidate, failure, facts)
    yield from _with_optional_argument(candidate, step, failure, facts)
    if "examples" in expected:
        yield from _batched(candidate, culprits)


def _with_spec(candidate: Candidate, name: str, spec: InputSpec, reason: str) -> Candidate:
    return {**candidate, name: replace(candidate[name], spec=spec, reason=reason)}


def _within_range(candidate: Candidate, ranges: Sequence[Mismatch]) -> Iterator[Candidate]:
    """Yield candidates with valid indices, or with floats from 0 to 1 that are converted to indices."""
    for name in ranges[0].sources if ranges else ():
        guess = candidate[name]
        if guess.spec.is_floating:
            if guess.spec.low is None:
                reason = f"{guess.reason}; some values are indices"
                yield _with_spec(candidate, name, guess.spec.with_range(0, 1), reason)
        elif guess.spec.dtype == "int64" and isinstance(ranges[0].expected, str):
            low, high = map(int, ranges[0].expected.split(".."))
            yield _with_spec(candidate, name, guess.spec.with_range(low, high), ranges[0].requirement)


def _from_its_layer(candidate: Candidate, step: Step, facts: ModelFacts) -> Iterator[Candidate]:
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
        # A firm guess of the same dtype and rank is not replaced: its sizes can be solved.
        if guess is not None and (
            not current.firm
            or _kind(guess) != _kind(current)
            or len(guess.spec.shape) != len(current.spec.shape)
        ):
            yield {**candidate, name: guess}


def with_batch_dimension(result: AttemptResult) -> Iterator[Candidate]:
    """Yield candidates with a batch dimension where a convolution took an example without one."""
    for step in result.forward.steps:
        for name in step.arguments if step.name.startswith("conv") else ():
            guess = result.candidate.get(name)
            if guess is not None and len(guess.spec.shape) == SPATIAL.get(step.name, 0) + 1:
                batched = replace(guess, spec=guess.spec.with_shape((1, *guess.spec.shape)))
                yield {**result.candidate, name: batched}


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


_DTYPE_REASONS = {
    "bool": "a boolean mask is expected",
    "int64": "indices are expected",
    "float32": "floats are expected",
}


def _of_another_dtype(candidate: Candidate, expected: Sequence[Mismatch]) -> Iterator[Candidate]:
    for each in expected:
        dtype = "float32" if "float" in str(each.expected) else str(each.expected)
        for name in reversed(each.sources) if dtype == "bool" else each.sources:
            spec = candidate[name].spec
            if dtype == "bool" or (dtype == "int64" and spec.is_floating):
                spec = spec.with_dtype(dtype).with_range(0, 1)
            elif dtype == "float32" and not spec.is_floating:
                spec = spec.with_dtype(dtype)
            else:
                continue
            yield _with_spec(candidate, name, spec, _DTYPE_REASONS[dtype])


_FROM_MESSAGE = "expected by the error message of the model"


def _in_words(
    candidate: Candidate, culprits: Sequence[str], failure: Failure, facts: ModelFacts
) -> Iterator[Candidate]:
    """Yield candidates with the shape that an error message describes, or with the length last."""
    shape = parse_shape_in_words(failure.message, facts)
    for name in culprits:
        guess = candidate[name]
        sizes = guess.spec.shape
        if shape is not None and len(shape) != len(sizes):
            yield _with_spec(candidate, name, guess.spec.with_shape(shape), _FROM_MESSAGE)
        is_spectrum = len(sizes) == 3 and meaning_of(name) is Meaning.SPECTRUM
        if is_spectrum and _names(failure, sizes[-1]):
            turned = guess.spec.with_shape((*sizes[:-2], sizes[-1], sizes[-2]))
            yield _with_spec(candidate, name, turned, f"{guess.reason}; frames come last")


def _names(failure: Failure, size: int) -> bool:
    return re.search(rf"\b{size}\b", failure.message) is not None


def _of_another_size(candidate: Candidate, expected: Sequence[Mismatch]) -> Iterator[Candidate]:
    """Yield candidates in which dimensions of a rejected size have the expected one.

    A size of an operand must be unambiguous; otherwise `solve_sizes` finds the dimension.
    """
    for each in expected:
        equal = [
            size for name in each.sources for size in candidate[name].spec.shape if size == each.got
        ]
        if not isinstance(each.expected, int) or (each.marks and len(equal) > 1):
            continue
        reason = f"solved from {each.requirement}" if each.marks else _FROM_MESSAGE
        for name in each.sources:
            guess = candidate[name]
            indices = [index for index, size in enumerate(guess.spec.shape) if size == each.got]
            for group in ([indices] if len(indices) > 1 else []) + [[index] for index in indices]:
                yield {**candidate, name: guess.resized(dict.fromkeys(group, each.expected), reason)}


def _multiples(
    candidate: Candidate, expected: Sequence[Mismatch], failure: Failure
) -> Iterator[Candidate]:
    """Yield candidates in which one size is rounded up to a multiple that is expected of it."""
    for name in expected[0].sources if expected else ():
        guess, wanted = candidate[name], expected[0]
        sizes = guess.spec.shape
        named = [size for size in sizes if _names(failure, size)]
        for index, size in reversed([*enumerate(sizes)]):
            # The elements of which a multiple is expected grow with each size.
            elements = wanted.got if isinstance(wanted.got, int) else size
            unit = int(wanted.expected or 1)
            unit //= math.gcd(unit, elements // max(size, 1))
            # A larger batch does not change the other sizes.
            if size % unit and (size in named or not named) and (index or len(sizes) < 3):
                yield {**candidate, name: guess.resized({index: -(-size // unit) * unit}, _FROM_MESSAGE)}


def _of_another_rank(
    candidate: Candidate, culprits: Sequence[str], expected: Sequence[Mismatch]
) -> Iterator[Candidate]:
    for name in culprits:
        mine = [each for each in expected if name in each.sources]
        pairs = [(each.expected, each.got) for each in mine if isinstance(each.expected, int)]
        rank = len(candidate[name].spec.shape)
        # More dimensions of a tensor never need fewer of the input that it was computed from.
        ranks = [
            wanted
            for wanted, got in pairs
            if not isinstance(got, int) or (wanted > got) == (wanted > rank)
        ]
        # The tensor may be a part of the input: both lack the same number of dimensions.
        ranks += [rank + wanted - got for wanted, got in pairs if isinstance(got, int)]
        if mine and not pairs:
            ranks = [rank + 1]
        for other in dict.fromkeys(ranks):
            if 0 < other <= 6 and other != rank:
                for shape, reason in _reshaped(candidate[name], other):
                    spec = replace(candidate[name].spec, shape=shape)
                    yield _with_spec(candidate, name, spec, reason)


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
                guess = _guess(name, candidate, facts) or _like_first_argument(candidate, name)
                yield {**candidate, name: replace(guess, reason=f"{guess.reason}; forward needs it")}


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
