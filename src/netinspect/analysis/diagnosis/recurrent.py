"""Explanations of failures in recurrent layers and cells."""

from __future__ import annotations

from netinspect.analysis.diagnosis.call import Call, Explanation, Family, Given
from netinspect.analysis.diagnosis.mismatch import Mismatch
from netinspect.analysis.diagnosis.wording import explain_rank, explain_shape, find_size, format_shape
from netinspect.records.values import Structure


def explain_layer(call: Call) -> Explanation | None:
    """Explain an input or hidden state that `RNN`, `LSTM` or `GRU` rejects."""
    given = call.tensor("0", "input")
    size, hidden, layers = (call.attribute(name) for name in ("input_size", "hidden_size", "num_layers"))
    first = call.attribute("batch_first")
    if given is None or call.module is None or not type(size) is type(hidden) is type(layers) is int:
        return None
    if given.rank not in (2, 3):
        order = "N x L x features" if first else "L x N x features"
        return explain_rank(call, given, f"3 dimensions ({order}), or 2 if unbatched", [3])
    if given.shape[-1] != size:
        return _explain_features(call, given, size)
    directions = 2 if call.attribute("bidirectional") is True else 1
    projected = call.attribute("proj_size") or hidden
    batch = () if given.rank == 2 else (given.shape[0 if first else 1],)
    is_lstm = call.module.class_name == "LSTM"
    states_argument = call.item("1", "hx")
    if is_lstm and states_argument is not None and call.tensor("1", "hx") is not None:
        return Explanation(
            f"{call.display_name} expects the initial state as a tuple (h, c), got one tensor",
            remedies=["pass a tuple (h, c)"],
        )
    states = call.tensors("1", "hx") if isinstance(states_argument, Structure) else []
    single = call.tensor("1", "hx")
    sizes = (projected, hidden) if is_lstm else (projected,)
    for name, state, width in zip("hc", states or ([single] if single else []), sizes, strict=False):
        wanted = (layers * directions, *batch, width)
        if state.shape != wanted:
            return _explain_state(call, state, wanted, name if is_lstm else "h", directions)
    return None


def _explain_features(call: Call, given: Given, size: int) -> Explanation:
    text = f"{call.display_name} expects {size} features in the last dimension, got {given.shape[-1]}"
    remedies = [f"to accept this input, set input_size={given.shape[-1]} in {call.display_name}"]
    addition, transpose = find_size(given, size, 0)
    requirement = f"{call.place}.input_size = {size}"
    mismatch = Mismatch("size", size, given.shape[-1], given.at(given.rank - 1), requirement)
    return Explanation(text + addition, [mismatch], transpose + remedies, size_helps=True)


def _explain_state(
    call: Call, state: Given, wanted: tuple[int | str, ...], name: str, directions: int
) -> Explanation:
    meaning = "layers" + (" * 2 directions" if directions == 2 else "")
    meaning += ", batch, features" if len(wanted) == 3 else ", features"
    remedies = []
    if len(wanted) == 3 and state.rank == 3 and call.attribute("batch_first") is True:
        transposed = (state.shape[1], state.shape[0], state.shape[2])
        if transposed == wanted:
            remedies.append("batch_first does not apply to the state: its first dimension is the layers")
    return explain_shape(
        f"{call.display_name} expects {name} of shape {format_shape(wanted)} ({meaning})",
        state,
        wanted,
        remedies or [f"torch.zeros{format_shape(wanted)}"],
    )


def explain_cell(call: Call) -> Explanation | None:
    """Explain an input or state that `RNNCell`, `LSTMCell` or `GRUCell` rejects."""
    given = call.tensor("0", "input")
    size, hidden = call.attribute("input_size"), call.attribute("hidden_size")
    if given is None or type(size) is not int or type(hidden) is not int:
        return None
    if given.rank not in (1, 2):
        return Explanation(
            f"{call.display_name} expects one time step (N x features), got {given.rank} dimensions: "
            f"{format_shape(given.shape)}",
            [Mismatch("rank", 2, given.rank, given.whole())],
            ["pass one time step of the sequence: x[:, step]"] if given.rank == 3 else [],
        )
    if given.shape[-1] != size:
        return _explain_features(call, given, size)
    single = call.tensor("1", "hx")
    for state in call.tensors("1", "hx") or ([single] if single else []):
        wanted = (*given.shape[:-1], hidden)
        if state.shape != wanted:
            what = f"{call.display_name} expects a state of shape {format_shape(wanted)}"
            return explain_shape(what, state, wanted, [f"torch.zeros{format_shape(wanted)}"])
    return None


FAMILY = Family(
    layers=dict.fromkeys(("RNNCell", "LSTMCell", "GRUCell"), explain_cell),
    layers_first=dict.fromkeys(("RNN", "LSTM", "GRU"), explain_layer),
)
