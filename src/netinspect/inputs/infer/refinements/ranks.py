"""Refinements of the number of dimensions and of examples."""

from __future__ import annotations

from collections.abc import Iterator

from netinspect.analysis.diagnosis.convolution import SPATIAL
from netinspect.inputs.infer.attempts import AttemptResult
from netinspect.inputs.infer.batch_statistics import TWO
from netinspect.inputs.infer.candidate import Candidate, Guess
from netinspect.inputs.infer.model_facts import TOKENS
from netinspect.inputs.infer.refinements.failed_attempt import FailedAttempt
from netinspect.records.base import replace
from netinspect.records.values import tensors_in


def batch_dimension(failed: FailedAttempt) -> Iterator[Candidate]:
    """Yield candidates with a batch dimension where a convolution took an example without one."""
    yield from with_batch_dimension(failed.result)


def with_batch_dimension(result: AttemptResult) -> Iterator[Candidate]:
    """Yield candidates with a batch dimension where a convolution took an example without one."""
    for step in result.forward.steps:
        for name in step.arguments if step.name.startswith("conv") else ():
            guess = result.candidate.get(name)
            if guess is not None and len(guess.spec.shape) == SPATIAL.get(step.name, 0) + 1:
                solved = tuple(dimension + 1 for dimension in guess.solved)
                spec = guess.spec.with_shape((1, *guess.spec.shape))
                batched = replace(guess, spec=spec, solved=solved)
                yield {**result.candidate, name: batched}


def another_rank(failed: FailedAttempt) -> Iterator[Candidate]:
    """Yield candidates with another number of dimensions."""
    candidate, culprits = failed.candidate, failed.culprits
    expected = failed.expected("rank")
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
                    yield failed.with_spec(name, spec, reason)


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


def two_examples(failed: FailedAttempt) -> Iterator[Candidate]:
    """Yield candidates with two examples of all inputs, then of those that reach the failed step."""
    candidate, culprits = failed.candidate, failed.culprits
    if not failed.expected("examples"):
        return
    single = [name for name, guess in candidate.items() if guess.spec.shape[:1] == (1,)]
    for names in (single, [name for name in culprits if name in single]):
        yield {
            name: replace(guess, spec=guess.spec.with_batch(2), reason=f"{guess.reason}; {TWO}")
            if name in names
            else guess
            for name, guess in candidate.items()
        }


_LARGEST_BATCH = 64


def joined_batch(failed: FailedAttempt) -> Iterator[Candidate]:
    """Yield candidates with the batch that code needs which joins it with the other dimensions."""
    for each in (*failed.expected("multiple"), *failed.expected("size")):
        if not isinstance(each.expected, int) or not isinstance(each.got, int) or each.got <= 0:
            continue
        batch, rest = divmod(each.expected, each.got)
        if rest or not 1 < batch <= _LARGEST_BATCH or not _joins_batch(failed):
            continue
        yield {
            name: replace(
                guess,
                spec=guess.spec.with_batch(batch),
                reason=f"{guess.reason}; the code joins the batch with other dimensions",
            )
            if name in failed.culprits and guess.spec.shape[:1] == (1,)
            else guess
            for name, guess in failed.candidate.items()
        }


def _joins_batch(failed: FailedAttempt) -> bool:
    """Return whether the failed step reshapes, or takes a vector."""
    step = failed.step
    first = next(tensors_in(step.inputs), None) if step is not None else None
    if step is None or first is None:
        return False
    return step.name in ("view", "reshape") or len(first.shape) == 1
