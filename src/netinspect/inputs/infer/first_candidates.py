"""First candidates of a search: guesses from names, docstrings and layers, before anything has run."""

from __future__ import annotations

import dataclasses

from netinspect.inputs.infer.argument_names import meaning_of
from netinspect.inputs.infer.candidate import Candidate, describe_changes
from netinspect.inputs.infer.first_guesses.first_layer import alternatives
from netinspect.inputs.infer.first_guesses.table import first_guesses
from netinspect.inputs.infer.first_guesses.unfilled import Unfilled
from netinspect.inputs.infer.model_facts import ModelFacts
from netinspect.inputs.signature import keys_by_argument
from netinspect.records.base import replace


def first_candidates(
    facts: ModelFacts, given: Candidate, known: Candidate
) -> list[tuple[Candidate, str]]:
    """Return the candidates that a search starts with, each with its reasons, the most likely first.

    Args:
        facts: The model.
        given: Arguments that the user passed.
        known: Guesses from a library that knows this model.
    """
    candidate = _most_likely(facts, given, known)
    starts = [candidate]
    # Optional arguments may be better left out.
    needed = {*facts.names.required, *given, *list(candidate)[:1]}
    starts.append({name: guess for name, guess in candidate.items() if name.partition(".")[0] in needed})
    # Configured sizes may be about something else.
    unconfigured = _most_likely(dataclasses.replace(facts, settings=None), given, known)
    if describe_changes(unconfigured, candidate):
        starts.append(unconfigured)
    unsure = [name for name, guess in candidate.items() if not guess.firm and name not in given]
    if unsure:
        for guess in alternatives(facts):
            starts.append({**candidate, **dict.fromkeys(unsure, guess)})
    starts = [_with_batch_of(given, each) for each in starts]
    return [(each, describe_changes({}, each) or "no arguments") for each in starts]


def _most_likely(facts: ModelFacts, given: Candidate, known: Candidate) -> Candidate:
    """Return the most likely guess of each argument."""
    candidate: Candidate = {}
    for name in _names_to_fill(facts, given, known):
        if name in given:
            candidate[name] = given[name]
        elif name in known:
            candidate[name] = known[name]
        else:
            candidate[name] = first_guesses(
                Unfilled(name, facts.names.arguments.get(name), candidate, facts)
            )[0]
    return candidate


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
    settled, keys = {*given, *known}, keys_by_argument(facts.model, facts.names.method)
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
