"""Guesses for the states of recurrent layers, such as `hidden` in `forward(input, hidden)`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import SimpleNamespace

from torch import nn

from netinspect.inputs.infer.candidate import Guess, tensor
from netinspect.inputs.infer.first_guesses.unfilled import Unfilled
from netinspect.records.base import replace
from netinspect.tracing.model.members import named_modules
from netinspect.tracing.safe_access import attribute, is_a, state_of

_STATE = re.compile(
    r"((prev|previous|last|init|initial|rnn|lstm|gru|encoder|decoder)_?)?"
    r"(h|hx|hs|h_?[0nt]|hiddens?|hidden_?states?|states?|hc)(_(prev|in|init|0))?"
)
_CELL = re.compile(
    r"((prev|previous|last|init|initial)_?)?(c|cx|c_?[0nt]|cells?|cell_states?)(_(prev|in))?"
)


def recurrent_state(unfilled: Unfilled) -> Iterator[Guess]:
    """Yield the state that the recurrent layer of the model takes, for an argument named like one.

    That of an LSTM is a pair unless another argument is its cell.
    """
    name, facts = unfilled.name.lower(), unfilled.facts
    if not unfilled.others or not (_STATE.fullmatch(name) or _CELL.fullmatch(name)):
        return
    found = next(
        (
            (path, layer)
            for path, layer in named_modules(facts.model)
            if is_a(layer, (nn.RNNBase, nn.RNNCellBase))
        ),
        None,
    )
    if found is None:
        return
    path, layer = found
    own = SimpleNamespace(**state_of(layer))
    if is_a(layer, nn.RNNCellBase):
        guess = tensor(1, own.hidden_size, reason=f"{path}.hidden_size = {own.hidden_size}")
        is_pair = is_a(layer, nn.LSTMCell)
    else:
        layers = own.num_layers * (2 if own.bidirectional else 1)
        size = own.proj_size if _STATE.fullmatch(name) and own.proj_size else own.hidden_size
        reason = f"{path} has {layers} state{'s' if layers > 1 else ''} of {size}"
        guess = tensor(layers, _batch(unfilled, own.batch_first), size, reason=reason)
        is_pair = own.mode == "LSTM"
    has_cell = any(_CELL.fullmatch(each.lower()) for each in facts.names.required)
    if is_pair and not has_cell:
        guess = replace(
            guess, spec=replace(guess.spec, listed=2), reason=f"{guess.reason}, and as many cells"
        )
    yield guess


def own_state(unfilled: Unfilled) -> Iterator[Guess]:
    """Yield a state of `hidden_size`, for a model that has no recurrent layer of torch."""
    model = unfilled.facts.model
    size = attribute(model, "hidden_size") or attribute(model, "hidden_dim")
    if not unfilled.others or type(size) is not int or size < 1:
        return
    is_recurrent = any(is_a(each, (nn.RNNBase, nn.RNNCellBase)) for _, each in named_modules(model))
    if not is_recurrent and _STATE.fullmatch(unfilled.name.lower()):
        yield tensor(1, size, reason=f"hidden_size = {size}")


def _batch(unfilled: Unfilled, batch_first: bool) -> int:
    """Return the size of the batch, which is second if time is first."""
    shape = next(iter(unfilled.others.values())).spec.shape
    if batch_first or len(shape) < 2:
        return shape[0] if shape else 1
    return shape[1]
