"""First candidates of a search: guesses from names, docstrings and layers, before anything has run."""

from __future__ import annotations

from torch import nn

from netinspect.inputs.infer.argument_names import Meaning, guess_by_name, meaning_of
from netinspect.inputs.infer.candidate import Candidate, Guess, describe_changes, tensor
from netinspect.inputs.infer.docstrings import refine_by_docstring
from netinspect.inputs.infer.from_layers import first_layer_guess, guess_for_layer
from netinspect.inputs.infer.model_facts import TOKENS, ModelFacts
from netinspect.inputs.signature import ForwardArgument, keys_by_argument
from netinspect.inputs.spec import plain_value
from netinspect.records.base import replace
from netinspect.tracing.model.members import named_modules
from netinspect.tracing.safe_access import is_a


def first_candidates(
    facts: ModelFacts, given: Candidate, known: Candidate
) -> list[tuple[Candidate, str]]:
    """Return the candidates that a search starts with, each with its reasons, the most likely first.

    Args:
        facts: The model.
        given: Arguments that the user passed.
        known: Guesses from a library that knows this model.
    """
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
    return [(each, describe_changes({}, each) or "no arguments") for each in starts]


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
        with_meaning = [name for name in names.names if meaning_of(name) is not None]
        wanted = [(with_meaning or names.names)[0]]
    if not wanted and names.takes_any_position:
        wanted = ["0"]
    return wanted


_SCALARS = {
    "int": Guess(spec=plain_value(1), reason="an int"),
    "float": Guess(spec=plain_value(1.0), reason="a float"),
    "bool": Guess(spec=plain_value(False), reason="a bool"),
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
        guess = tensor(rows, TOKENS, reason="guessed: no layer or name gives its sizes", firm=False)
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
    reason = "guessed"
    guesses = [
        tensor(1, 3, 224, 224, reason=f"{reason}: an image", firm=False),
        tensor(1, TOKENS, 64, reason=f"{reason}: a sequence", firm=False),
        tensor(1, 64, reason=f"{reason}: features", firm=False),
        tensor(TOKENS, reason=f"{reason}: a vector", firm=False),
    ]
    if rows:
        ids = tensor(
            1, TOKENS, dtype="int64", low=0, high=rows - 1, reason=f"{reason}: integer ids", firm=False
        )
        guesses.insert(0, ids)
    return guesses
