"""First candidates of a search: guesses from names, docstrings and layers, before anything has run."""

from __future__ import annotations

import dataclasses

from netinspect.inputs.infer.argument_names import meaning_of
from netinspect.inputs.infer.candidate import Candidate, Guess, describe_changes
from netinspect.inputs.infer.first_guesses.entries import entries_of
from netinspect.inputs.infer.first_guesses.first_layer import alternatives
from netinspect.inputs.infer.first_guesses.table import first_guesses
from netinspect.inputs.infer.first_guesses.unfilled import Unfilled
from netinspect.inputs.infer.forward_code.read import ForwardCode, read_forward
from netinspect.inputs.infer.model_facts import ModelFacts
from netinspect.inputs.infer.program_inputs import program_inputs
from netinspect.records.base import replace


def first_candidates(
    facts: ModelFacts, given: Candidate, known: Candidate, written: Candidate
) -> list[tuple[Candidate, str]]:
    """Return the candidates that a search starts with, each with its reasons, the most likely first.

    Args:
        facts: The model.
        given: Arguments that the user passed.
        known: Guesses from a library that knows this model.
        written: Arguments of an example in the model's file; empty without one.
    """
    code = read_forward(facts.model, facts.names.method)
    candidate, others = _most_likely(facts, code, given, known)
    starts = [candidate]
    # Optional arguments may be better left out.
    needed = {*facts.names.required, *given, *list(candidate)[:1]}
    starts.append({name: guess for name, guess in candidate.items() if name.partition(".")[0] in needed})
    # Configured sizes may be about something else.
    unconfigured, _ = _most_likely(dataclasses.replace(facts, settings=None), code, given, known)
    if describe_changes(unconfigured, candidate):
        starts.append(unconfigured)
    starts += [{**candidate, name: guess} for name, guess in others]
    unsure = [name for name, guess in candidate.items() if not guess.firm and name not in given]
    if unsure:
        for guess in alternatives(facts):
            starts.append({**candidate, **dict.fromkeys(unsure, guess)})
    if written:
        starts.insert(0, _most_likely(facts, code, given, {**written, **known})[0])
    starts = [_with_batch_of(given, each) for each in starts]
    return [(each, describe_changes({}, each) or "no arguments") for each in starts]


def _most_likely(
    facts: ModelFacts, code: ForwardCode, given: Candidate, known: Candidate
) -> tuple[Candidate, list[tuple[str, Guess]]]:
    """Return the most likely guess of each argument, and the other guesses by argument."""
    candidate: Candidate = {}
    others: list[tuple[str, Guess]] = []
    for name in _names_to_fill(facts, code, given, known):
        if name in given:
            candidate[name] = given[name]
        elif name in known:
            candidate[name] = known[name]
        else:
            guesses = first_guesses(
                Unfilled(name, facts.names.arguments.get(name), candidate, facts, code)
            )
            candidate[name] = guesses[0]
            others += [(name, guess) for guess in guesses[1:]]
    return candidate, others


def _with_batch_of(given: Candidate, candidate: Candidate) -> Candidate:
    """Give guessed inputs the batch size of the inputs that the user passed."""
    batch = next((guess.spec.shape[0] for guess in given.values() if len(guess.spec.shape) > 1), 1)
    if batch == 1:
        return candidate  # a list may have any length, as a pair of states
    return {
        name: guess
        if name in given or guess.spec.shape[:1] != (1,) or guess.spec.listed > 1
        else replace(guess, spec=guess.spec.with_batch(batch))
        for name, guess in candidate.items()
    }


def _names_to_fill(
    facts: ModelFacts, code: ForwardCode, given: Candidate, known: Candidate
) -> list[str]:
    names, settled = facts.names, {*given, *known}
    wanted: list[str] = []
    for name in names.names:
        if name in settled:
            wanted.append(name)
        elif name in names.required:
            # Entries of dictionaries, objects and tuples are guessed one by one.
            wanted += entries_of(facts, names.arguments[name], code)
    wanted = [name for name in wanted if not any(each.startswith(f"{name}.") for each in settled)]
    if names.takes_any_position:
        wanted += [name for name in code.positions() if name not in settled]
    if names.takes_any_name:
        keywords = [name for name in code.keywords() if name not in names.arguments]
        wanted += [each for name in keywords for each in code.entries(name) or [name]]
    wanted += [name for name in (*given, *known) if name not in wanted]
    if not wanted and names.names:
        with_meaning = [name for name in names.names if meaning_of(name) is not None]
        wanted = [(with_meaning or names.names)[0]]
    if not wanted and names.takes_any_position:
        wanted = [str(at) for at in range(max(len(program_inputs(facts)), 1))]
    return wanted
