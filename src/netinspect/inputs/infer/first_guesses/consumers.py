"""Guesses from the layers and weights that take an argument in the code of forward."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import NamedTuple

from torch import nn
from torch.nn.modules.conv import _ConvNd

from netinspect._utils.classes import plain_name
from netinspect.inputs.infer.argument_names import Meaning, meaning_of
from netinspect.inputs.infer.candidate import Guess, tensor
from netinspect.inputs.infer.first_guesses.layouts import Expected, before_changes
from netinspect.inputs.infer.first_guesses.unfilled import Unfilled
from netinspect.inputs.infer.forward_code.layers import size_of
from netinspect.inputs.infer.forward_code.uses import LayerUse, Uses
from netinspect.inputs.infer.forward_code.values import Change
from netinspect.inputs.infer.from_layers import guess_for_layer, guess_for_weight
from netinspect.inputs.infer.model_facts import TOKENS
from netinspect.records.base import replace
from netinspect.tracing.safe_access import is_a, state_of

_DATA = frozenset(
    ("input", "input1", "input2", "query", "key", "value", "src", "tgt", "memory", "hx", "hx.0", "hx.1")
)
"""Parameters of layers that take data, in contrast to masks."""

_NAMED = (Meaning.ZEROS, Meaning.POSITIONS, Meaning.ATTENTION_MASK, Meaning.LENGTHS)
"""Meanings of ids whose values matter more than the rows of the embedding."""

_ANY_RANK = (nn.Linear, nn.Bilinear, nn.LayerNorm, nn.Embedding)


class _Evidence(NamedTuple):
    """A use that leads to a guess."""

    guess: Guess
    changes: tuple[Change, ...]
    is_certain: bool
    any_rank: bool
    """Whether the layer accepts any number of dimensions before the last one."""


def by_layer(unfilled: Unfilled) -> Iterator[Guess]:
    """Yield what the layers expect that an argument is passed to, after changes of its layout."""
    yield from _guesses(unfilled, certain=True)


def by_possible_layer(unfilled: Unfilled) -> Iterator[Guess]:
    """Yield what layers expect that an argument is passed to after a reshape or a sum."""
    for guess in _guesses(unfilled, certain=False):
        yield replace(guess, firm=False)


def as_index(unfilled: Unfilled) -> Iterator[Guess]:
    """Yield integers for an argument that is an index of a known number of rows or classes."""
    uses = unfilled.uses
    if uses.indexes and uses.count is not None:
        shape = (1,) * max(uses.rank or 1, uses.least_rank)
        reason = f"forward uses {unfilled.name} as an index below {uses.count + 1}"
        yield tensor(*shape, dtype="int64", low=0, high=uses.count, reason=reason, firm=False)


def _guesses(unfilled: Unfilled, *, certain: bool) -> Iterator[Guess]:
    for each in _evidence(unfilled):
        if each.is_certain is certain:
            shape = _shape(unfilled, each)
            if shape is not None and 0 not in shape:
                spec = _within_all_embeddings(unfilled.uses, each.guess).spec.with_shape(shape)
                yield replace(each.guess, spec=spec)
                return


def _evidence(unfilled: Unfilled) -> Iterator[_Evidence]:
    uses = unfilled.uses
    by_name = meaning_of(unfilled.word) in _NAMED
    for use in uses.layers:
        if by_name and is_a(use.layer.module, nn.Embedding):
            continue
        guess = _for_layer(unfilled, use) if use.parameter in _DATA else None
        if guess is not None:
            # How arguments divide the features of a Linear is not known.
            is_divided = use.shares > 1 and is_a(use.layer.module, nn.Linear)
            is_certain = not (use.mixed or is_divided or _is_reshaped(use.changes))
            any_rank = is_a(use.layer.module, _ANY_RANK)
            yield _Evidence(guess, use.changes, is_certain, any_rank)
    for weight in uses.weights:
        guess = guess_for_weight(weight.function, weight.weight, weight.shape, unfilled.facts)
        if guess is not None:
            any_rank = weight.function in ("linear", "embedding")
            yield _Evidence(guess, weight.changes, not _is_reshaped(weight.changes), any_rank)


def _is_reshaped(changes: tuple[Change, ...]) -> bool:
    return any(change.kind == "reshape" for change in changes)


def _shape(unfilled: Unfilled, evidence: _Evidence) -> tuple[int, ...] | None:
    """Return the shape of the argument itself."""
    spec, uses = evidence.guess.spec, unfilled.uses
    shape = spec.shape
    if _is_reshaped(evidence.changes):
        # The sizes before other changes are unknown.
        return shape if all(change.kind == "reshape" for change in evidence.changes) else None
    is_table, any_rank = spec.dtype == "int64", evidence.any_rank
    selected = any(change.kind == "select" for change in evidence.changes)
    if is_table and (selected or not evidence.changes):
        shape = (1,) if selected else shape
    expected = Expected(shape, any_rank)
    rank = uses.rank if uses.rank is not None else _rank_of_ids(unfilled) if is_table else None
    if any_rank and not evidence.changes and rank is not None:
        return _of_rank(shape, rank)
    if any_rank and not evidence.changes and uses.least_rank > len(shape):
        batch, length, *others = _of_rank(shape, uses.least_rank)
        return batch, max(length, uses.length), *others
    return before_changes(expected, evidence.changes, _positions(uses, evidence.changes))


def _rank_of_ids(unfilled: Unfilled) -> int | None:
    """Return the number of dimensions of ids whose embedding is concatenated with other features."""
    dimension = unfilled.uses.joined_at
    if dimension is not None and dimension > 0:
        return dimension
    return None if dimension is None or unfilled.facts.sequential else 1


def _of_rank(shape: tuple[int, ...], rank: int) -> tuple[int, ...]:
    if rank <= 1:
        return shape[-1:] if len(shape) > 1 and shape[-1] != TOKENS else shape[:1]
    missing = rank - len(shape)
    return (
        (*shape[:1], *[TOKENS] * missing, *shape[1:])
        if missing > 0
        else (*shape[:1], *shape[1 - rank :])
    )


def _positions(uses: Uses, changes: tuple[Change, ...]) -> int | None:
    """Return the number of positions that are selected one by one from the same dimension."""
    place = next((index for index, change in enumerate(changes) if change.kind == "select"), None)
    if place is None:
        return None
    before, dimension = changes[:place], changes[place].numbers[0]
    every = [*(use.changes for use in uses.layers), *(use.changes for use in uses.weights)]
    indices = [
        each[place].numbers[1]
        for each in every
        if each[:place] == before
        and len(each) > place
        and each[place].kind == "select"
        and each[place].numbers[0] == dimension
    ]
    if place == 0 and dimension == 0:
        indices += [int(key) for key, how in uses.accesses.items() if "item" in how and key.isdecimal()]
    known = [index for index in indices if index is not None and index >= 0]
    return max(known) + 1 if known and max(known) > 0 else None


def _within_all_embeddings(uses: Uses, guess: Guess) -> Guess:
    """Limit indices to the smallest embedding that an argument is passed to."""
    rows = [
        state_of(use.layer.module).get("num_embeddings")
        for use in uses.layers
        if is_a(use.layer.module, (nn.Embedding, nn.EmbeddingBag))
    ]
    known = [each for each in rows if type(each) is int and each > 0]
    if guess.spec.dtype != "int64" or not known or guess.spec.high is None:
        return guess
    return replace(guess, spec=guess.spec.with_range(0, min(min(known) - 1, guess.spec.high)))


def _for_layer(unfilled: Unfilled, use: LayerUse) -> Guess | None:
    """Return what a layer expects of one of its parameters."""
    module, facts = use.layer.module, unfilled.facts
    path = use.layer.path or plain_name(type(module))
    own = SimpleNamespace(**state_of(module))
    if use.parameter.startswith("hx"):
        return _state(path, own, use)
    if use.parameter == "input2":
        size = getattr(own, "in2_features", 0)
        return tensor(1, size, reason=f"{path}.in2_features = {size}") if size else None
    if use.parameter in ("key", "value") and is_a(module, nn.MultiheadAttention):
        size = getattr(own, "kdim" if use.parameter == "key" else "vdim", 0) or 0
        shape = (1, TOKENS, size) if getattr(own, "batch_first", False) else (TOKENS, 1, size)
        return (
            tensor(*shape, reason=f"{path} takes {use.parameter}s of {size} features") if size else None
        )
    guess = guess_for_layer(use.layer.path, module, unfilled.word, facts, width=use.widest)
    if guess is None or use.width is None:
        return guess
    if use.width != use.widest:  # the sides are those of the others
        batch, _, *sides = guess.spec.shape
        guess = replace(guess, spec=guess.spec.with_shape((batch, use.width, *sides)))
    if "mask" in unfilled.word:
        spec = guess.spec.with_dtype("int64").with_range(1, 1)
        guess = replace(guess, spec=spec, reason=f"{guess.reason}: no position is masked")
    if use.shares > 1:
        total = "channels" if is_a(module, _ConvNd) else "features"
        reason = f"{use.shares} arguments share the {size_of(module)} {total} of {path}"
        guess = replace(guess, reason=reason)
    else:
        guess = replace(guess, reason=f"{guess.reason}, less those of the other tensors")
    if use.rank is not None:
        spec = guess.spec.with_shape(_of_rank(guess.spec.shape, use.rank))
        guess = replace(guess, spec=spec)
    return guess


def _state(path: str, own: SimpleNamespace, use: LayerUse) -> Guess | None:
    """Return the hidden state of a recurrent layer, or the cell state of an LSTM."""
    hidden = getattr(own, "hidden_size", 0)
    if is_a(use.layer.module, nn.RNNCellBase):
        return tensor(1, hidden, reason=f"{path}.hidden_size = {hidden}") if hidden else None
    size = getattr(own, "proj_size", 0) or hidden if use.parameter != "hx.1" else hidden
    layers = getattr(own, "num_layers", 0) * (2 if getattr(own, "bidirectional", False) else 1)
    reason = f"the state of {path}: {layers} layer{'s' * (layers != 1)} of {size} features"
    return tensor(layers, 1, size, reason=reason) if layers and size else None
