"""Input inference: candidates from names and layers, run and refined until one passes."""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import nn

from netinspect.inputs.budget import Budget
from netinspect.inputs.infer.argument_names import Meaning, guess_by_name, meaning_of
from netinspect.inputs.infer.attempts import AttemptResult, AttemptRunner, Exhausted, Stopped
from netinspect.inputs.infer.candidate import Candidate, Guess, tensor
from netinspect.inputs.infer.docstrings import refine_by_docstring
from netinspect.inputs.infer.from_layers import first_layer_guess, guess_for_layer
from netinspect.inputs.infer.labels import missing_labels
from netinspect.inputs.infer.model_facts import TOKENS, ModelFacts
from netinspect.inputs.infer.refine import refinements, with_batch_dimension
from netinspect.inputs.infer.solve_sizes import solve_sizes
from netinspect.inputs.signature import ForwardArgument, keys_by_argument
from netinspect.inputs.spec import InputSpec
from netinspect.records.dataflow import sources_of
from netinspect.records.steps import Failure, Step
from netinspect.records.trace import Attempt
from netinspect.records.values import tensors_in
from netinspect.tracing.capture import Forward
from netinspect.tracing.model.members import named_modules
from netinspect.tracing.safe_access import is_a

_USUAL_SIDES = (224, 32, 28, 256, 64, 128, 96, 112, 160, 192, 299, 384, 448, 512, 336, 48)
_LONG = 1000
_FIRST = 1 << 30
"""More progress than any trial makes: what is to be tried first."""
_NEAR = 2.01
"""How much larger or smaller than a size that was solved a usual one may be, to be tried instead."""


@dataclass(frozen=True, slots=True)
class Inference:
    """Result of a search for inputs."""

    candidate: Candidate
    """Candidate that passed, or else that progressed farthest."""

    forward: Forward | None
    """Its forward; None if none was run."""

    attempts: tuple[Attempt, ...]


def infer(
    facts: ModelFacts,
    run_forward: Callable[[Candidate, int | None], Forward],
    *,
    given: Candidate,
    known: Candidate,
    stops_at: Callable[[Failure], bool],
    budget: Budget,
) -> Inference:
    """Find inputs on which forward passes.

    Args:
        facts: The model.
        run_forward: Runs it on a candidate, for a number of steps at most.
        given: Arguments that the user passed; they are not changed.
        known: Guesses from a library that knows this model.
        stops_at: Returns whether no other input can fix a failure.
        budget: Limits of the search; its `stopped` reports whether they ended it.
    """
    frozen = frozenset(given)
    trials = AttemptRunner(
        run_forward, stops_at, lambda candidate: _suited(candidate, facts, frozen), budget
    )
    best: AttemptResult | None = None
    try:
        best = _search(trials, facts, given, known, frozen)
        if best is not None:
            best = _polish(trials, best, facts, frozen, frozenset(known))
    except Exhausted:
        pass
    except Stopped as stop:
        best = best or stop.trial
    best = best or trials.best(lambda trial: _lacks_labels(trial, facts))
    if best is not None and best.captured is not None:
        best.captured.replay()
    return Inference(
        candidate=best.candidate if best is not None else dict(given),
        forward=best.forward if best is not None else None,
        attempts=tuple(trials.attempts),
    )


def _lacks_labels(trial: AttemptResult, facts: ModelFacts) -> bool:
    """Return whether an attempt failed only because of missing labels."""
    failure = trial.failure
    return (
        facts.training
        and failure is not None
        and bool(missing_labels(facts.names, trial.candidate, failure))
    )


def _search(
    trials: AttemptRunner, facts: ModelFacts, given: Candidate, known: Candidate, frozen: frozenset[str]
) -> AttemptResult | None:
    """Run candidates in order of progress; each failure suggests others."""
    order = itertools.count()
    waiting: list[tuple[int, int, Candidate | AttemptResult, str]] = []

    def push(progress: int, what: Candidate | AttemptResult, why: str) -> None:
        heapq.heappush(waiting, (-progress, next(order), what, why))

    # The most likely candidate runs first, complete and then without optional arguments.
    for index, (candidate, why) in enumerate(_starts(facts, given, known)):
        push(_FIRST - index if index < 2 else 1, candidate, why)
    while waiting:
        _, _, what, why = heapq.heappop(waiting)
        if isinstance(what, AttemptResult):
            solved = solve_sizes(trials, what, frozen)
            if solved is None:
                continue
            what, why = solved, "solved"
        elif trials.has_run(what):
            continue
        trial = trials.run(what, why)
        failure = trial.failure
        if failure is None:
            return trial
        if trial.is_invalid:
            continue
        followers = [
            mended
            for mended in refinements(trial, facts)
            if all(mended.get(name) == trial.candidate.get(name) for name in frozen)
            and not trials.has_run(mended)
        ]
        # Less progress than the parent may still be the only way to pass.
        for mended in followers:
            push(max(trial.progress, 1), mended, _difference(trial.candidate, mended))
        push(max(trial.progress, 1), trial, "")
    return None


def _suited(candidate: Candidate, facts: ModelFacts, frozen: frozenset[str]) -> Candidate:
    """Give floats the dtype of the model's parameters."""
    return {
        name: guess
        if name in frozen or guess.spec.dtype != "float32"
        else replace(guess, spec=replace(guess.spec, dtype=facts.float_dtype))
        for name, guess in candidate.items()
    }


def _difference(before: Candidate, after: Candidate) -> str:
    changed = [name for name in after if before.get(name) != after[name]]
    return "; ".join(f"{name}: {after[name].reason}" for name in changed)


# --- where to start ------------------------------------------------------------------------------


def _starts(facts: ModelFacts, given: Candidate, known: Candidate) -> list[tuple[Candidate, str]]:
    """Return the first candidates, the most likely first."""
    candidate: Candidate = {}
    names = _names_to_fill(facts, given, known)
    for name in names:
        if name in given:
            candidate[name] = given[name]
        elif name in known:
            candidate[name] = known[name]
        else:
            argument = facts.names.arguments.get(name)
            candidate[name] = _first_guess(argument, name.rpartition(".")[2], candidate, facts)
    starts = [candidate]
    # Optional arguments may be better left out.
    needed = {*facts.names.required, *given, *list(candidate)[:1]}
    starts.append({name: guess for name, guess in candidate.items() if name.partition(".")[0] in needed})
    unsure = [name for name, guess in candidate.items() if not guess.firm and name not in given]
    if unsure:
        for guess in _alternatives(facts):
            starts.append({**candidate, **dict.fromkeys(unsure, guess)})
    starts = [_with_batch_of(given, each) for each in starts]
    return [(each, _difference({}, each) or "no arguments") for each in starts]


def _with_batch_of(given: Candidate, candidate: Candidate) -> Candidate:
    """Give guessed inputs the batch size of the inputs that the user passed."""
    batch = next((guess.spec.shape[0] for guess in given.values() if len(guess.spec.shape) > 1), 1)
    return {
        name: guess
        if name in given or guess.spec.shape[:1] != (1,)
        else replace(guess, spec=guess.spec.with_batch(batch))
        for name, guess in candidate.items()
    }


def _names_to_fill(facts: ModelFacts, given: Candidate, known: Candidate) -> list[str]:
    names = facts.names
    wanted = [name for name in names.names if name in {*names.required, *given, *known}]
    # Dictionary entries are guessed key by key.
    settled, keys = {*given, *known}, keys_by_argument(facts.model)
    wanted = [
        part
        for name in wanted
        for part in ([name] if name in settled else names.arguments[name].parts(keys.get(name, ())))
        if not any(each.startswith(f"{part}.") for each in settled)
    ]
    wanted += [name for name in (*given, *known) if name not in wanted]
    if not wanted and names.names:
        telling = [name for name in names.names if meaning_of(name) is not None]
        wanted = [(telling or names.names)[0]]
    if not wanted and names.takes_any_position:
        wanted = ["0"]
    return wanted


_SCALARS = {
    "int": tensor(dtype="int64", low=1, high=1, reason="an int"),
    "float": tensor(low=1.0, high=1.0, reason="a float"),
    "bool": Guess(spec=InputSpec(name=None, shape=(), literal="False"), reason="a bool"),
}


def _first_guess(
    argument: ForwardArgument | None, name: str, others: Candidate, facts: ModelFacts
) -> Guess:
    annotation = argument.annotation if argument is not None else ""
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    guess = guess_by_name(name, others, facts)
    if guess is None and meaning_of(name) is Meaning.IMAGE:
        guess = _first_of(facts, name, (nn.Conv2d, nn.Conv3d))
    if guess is None:
        guess = first_layer_guess(name, facts)
        if guess is not None:
            guess = Guess(spec=guess.spec, reason=guess.reason, firm=False)
    guess = refine_by_docstring(name, guess, others, facts)
    if guess is None:
        of_nodes = {"edge_index", "adj", "adjacency"} & {*facts.names.names}
        rows = TOKENS if of_nodes else 1
        guess = tensor(rows, TOKENS, reason="nothing tells its sizes", firm=False)
    if argument is not None and argument.is_list:
        spec = guess.spec
        guess = Guess(spec=spec.as_list(), reason=f"{guess.reason}; a list of them", firm=guess.firm)
    return guess


def _first_of(facts: ModelFacts, name: str, kinds: tuple[type[nn.Module], ...]) -> Guess | None:
    for path, layer in named_modules(facts.model):
        if is_a(layer, kinds):
            return guess_for_layer(path, layer, name, facts)
    return None


def _alternatives(facts: ModelFacts) -> list[Guess]:
    rows = max(facts.embeddings.values(), default=0)
    reason = "nothing else tells"
    guesses = [
        tensor(1, 3, 224, 224, reason=f"{reason}: an image", firm=False),
        tensor(1, TOKENS, 64, reason=f"{reason}: a sequence", firm=False),
        tensor(1, 64, reason=f"{reason}: features", firm=False),
        tensor(TOKENS, reason=f"{reason}: a vector", firm=False),
    ]
    if rows:
        ids = tensor(1, TOKENS, dtype="int64", low=0, high=rows - 1, reason=f"{reason}: ids", firm=False)
        guesses.insert(0, ids)
    return guesses


# --- preference for usual inputs that pass --------------------------------------------------


def _polish(
    trials: AttemptRunner,
    trial: AttemptResult,
    facts: ModelFacts,
    frozen: frozenset[str],
    known: frozenset[str],
) -> AttemptResult:
    for batched in with_batch_dimension(trial):
        if all(batched[name] == trial.candidate[name] for name in frozen):
            other = trials.run(batched, _difference(trial.candidate, batched))
            trial = other if other.failure is None else trial
    for name in list(trial.candidate):
        if name not in frozen:
            trial = _with_usual_side(trials, trial, name)
            trial = _with_floats(trials, trial, name)
            trial = _within_range(trial, name, facts)
    return _with_fixing_layers(trial, frozen | known)


def _with_usual_side(trials: AttemptRunner, trial: AttemptResult, name: str) -> AttemptResult:
    """Prefer a usual side that also passes, such as 28 instead of 29."""
    guess = trial.candidate[name]
    dimensions = guess.solved
    sides = {guess.spec.shape[index] for index in dimensions}
    if len(sides) != 1:
        return trial
    side = sides.pop()
    if len(dimensions) == 1:
        # Of a waveform, say, the round length of those that pass.
        for unit in (1000, 100):
            shorter = side // unit * unit
            resized = guess.resized({dimensions[0]: shorter}, guess.reason)
            if 0 < shorter < side and side > _LONG:
                other = trials.run({**trial.candidate, name: resized}, f"{name} with a round {shorter}")
                if other.failure is None:
                    return other
        return trial
    for usual in _USUAL_SIDES:
        if usual != side and max(usual, side) / min(usual, side) < _NEAR:
            resized = guess.resized(dict.fromkeys(dimensions, usual), guess.reason)
            other = trials.run(
                {**trial.candidate, name: resized}, f"{name} with a usual side of {usual}"
            )
            if other.failure is None:
                return other
        elif usual == side:
            return trial
    return trial


def _with_floats(trials: AttemptRunner, trial: AttemptResult, name: str) -> AttemptResult:
    """Prefer floats if they also pass."""
    guess = trial.candidate[name]
    if guess.firm or guess.spec.dtype != "int64":
        return trial
    spec = guess.spec.with_dtype("float32")
    floats = {**trial.candidate, name: Guess(spec=spec, reason=guess.reason)}
    other = trials.run(floats, f"{name} with floats")
    return other if other.failure is None else trial


def _within_range(trial: AttemptResult, name: str, facts: ModelFacts) -> AttemptResult:
    """Limit indices to the smallest embedding; tensors without data accept any index."""
    guess = trial.candidate[name]
    if guess.spec.dtype != "int64" or guess.spec.high is None:
        return trial
    steps = trial.forward.steps
    rows = [
        facts.shapes[weight][0]
        for step in steps
        if step.name == "embedding" and _takes(step, name, steps)
        for weight in step.parameters
        if facts.shapes.get(weight)
    ]
    if rows and guess.spec.high >= min(rows):
        spec = guess.spec.with_range(0, min(rows) - 1)
        reason = f"{guess.reason}; the smallest table has {min(rows)} rows"
        return AttemptResult(
            {**trial.candidate, name: Guess(spec=spec, reason=reason)}, trial.forward, trial.captured
        )
    return trial


_AS_IT_IS = frozenset(
    "view reshape to long squeeze unsqueeze contiguous flatten getitem clone int".split()  # noqa: SIM905
)


def _takes(step: Step, name: str, steps: tuple[Step, ...]) -> bool:
    """Return whether a step receives an argument, possibly reshaped."""
    waiting, seen = [step], {step.index}
    while waiting:
        each = waiting.pop()
        if name in each.arguments:
            return True
        makers = [steps[index] for index in each.producers if index not in seen]
        seen.update(each.producers)
        waiting += [maker for maker in makers if maker.name in _AS_IT_IS]
    return False


def _with_fixing_layers(trial: AttemptResult, settled: frozenset[str]) -> AttemptResult:
    """Name the Linear behind a flatten that allows this size of image and hardly another one."""
    steps = trial.forward.steps
    for step in steps:
        if step.name != "linear" or not step.producers:
            continue
        producer = steps[step.producers[0]]
        before = next(tensors_in(producer.inputs), None)
        if producer.name not in ("view", "reshape", "flatten") or before is None:
            continue
        sizes = [size for size in before.shape[1:] if isinstance(size, int)]
        given = next(tensors_in(step.inputs), None)
        if len(sizes) < 2 or len(sizes) != len(before.shape) - 1 or math.prod(sizes[1:]) == 1:
            continue
        if given is None or given.shape[-1:] != (math.prod(sizes),):
            continue  # heads of attention that were joined, not a map that was flattened
        for name in sources_of(step, steps):
            guess = trial.candidate.get(name)
            if guess is not None and name not in settled and len(guess.spec.shape) >= 3:
                reason = f"solved from {step.module}.in_features = {math.prod(sizes)}"
                fixed = Guess(spec=guess.spec, reason=reason, solved=guess.solved)
                return AttemptResult({**trial.candidate, name: fixed}, trial.forward, trial.captured)
    return trial
