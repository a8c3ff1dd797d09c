"""Sizes that the parameters of a model determine, so that no input changes them.

The last dimension of a linear layer's output is such a size; the sides of a feature map are not. A
function that is not listed here is taken to pass on sizes of the input.
"""

from __future__ import annotations

import re

from netinspect.analysis.diagnosis.broadcasting import NAMES as BROADCASTING
from netinspect.analysis.diagnosis.call import Call, Given
from netinspect.analysis.diagnosis.convolution import SPATIAL
from netinspect.analysis.diagnosis.mismatch import Mismatch
from netinspect.records.steps import Step
from netinspect.records.values import TensorSpec, tensors_in

_PRESERVING = frozenset(
    (
        *("relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu", "silu"),
        *("mish", "sigmoid", "logsigmoid", "hardsigmoid", "hardswish", "hardtanh", "tanh", "softplus"),
        *("softmax", "log_softmax", "dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout"),
        *("layer_norm", "rms_norm", "batch_norm", "group_norm", "instance_norm", "normalize"),
        *("exp", "contiguous", "clone", "detach", "float", "to", "abs", "neg", "sqrt", "rsqrt", "clamp"),
    )
)
"""Functions whose output has the shape of their first operand."""

_WEIGHTED = {"linear": ("1", "weight", 2), "embedding": ("1", "weight", 1), "matmul": ("1", "other", 1),
             "mm": ("1", "mat2", 1), "bmm": ("1", "mat2", 1)}  # fmt: skip
"""Keys of the operand that gives the last size of the output, and the place of the size from its end."""

_ATTENTION = "multi_head_attention_forward"
_STATES = frozenset(("lstm", "gru", "rnn_tanh", "rnn_relu", _ATTENTION))
"""Functions whose outputs end in a size of their layer."""

_POOLS = re.compile(r"(?:adaptive_)?(?:avg|max|lp)_pool([123])d(?:_with_indices)?")
_DEEPEST = 200
"""Most steps between the parameter and the failure."""


def with_makers(call: Call, mismatch: Mismatch) -> Mismatch:
    """Return a mismatch with the layers that determine its sizes, if parameters determine all of them.

    Args:
        call: The call that failed.
        mismatch: What it expected.
    """
    operands = {each.name: each for each in call.given}
    marked = [(operands.get(name), at) for name, dims in mismatch.marks.items() for at in dims]
    # A single operand has a counterpart only if the layer itself requires the size.
    if mismatch.kind != "size" or not marked or (len(marked) < 2 and not mismatch.requirement):
        return mismatch
    search = _Search()
    makers = []
    for given, at in marked:
        maker = search.maker(call, given, given.rank - at) if given is not None else None
        if maker is None:
            return mismatch
        makers.append(maker)
    if len(marked) == 1:
        makers.append(call.display_name)
    return mismatch._replace(makers=tuple(dict.fromkeys(makers)))


class _Search:
    """Follows sizes back to parameters; each size of a step is followed once."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], str | None] = {}

    def maker(self, call: Call, given: Given, place: int, depth: int = 0) -> str | None:
        """Return the layer or parameter that determines a size of an operand; None if none does.

        Args:
            call: The call that takes the operand.
            given: The operand.
            place: Place of the dimension from the end, 1 for the last.
            depth: Number of steps followed so far.
        """
        origin = given.origin
        if origin.arguments or depth > _DEEPEST or not 1 <= place <= given.rank:
            return None
        if origin.parameters:
            return origin.parameters[0].rpartition(".")[0] or origin.parameters[0]
        if len(origin.producers) != 1:
            return None
        key = (origin.producers[0], place)
        if key not in self._known:
            self._known[key] = None  # until it is known
            step = call.trace.steps[key[0]]
            self._known[key] = self._made_by(call, step, given.spec, place, depth + 1)
        return self._known[key]

    def _made_by(self, call: Call, step: Step, output: TensorSpec, place: int, depth: int) -> str | None:
        made = Call(call.trace, step, call.failure)
        name, first = made.name, made.tensor("0", "input", "query", "self")
        if step.kind != "function" or first is None:
            return None
        layer = made.display_name
        if name in _WEIGHTED and place == 1:
            position, keyword, at = _WEIGHTED[name]
            weight = made.tensor(position, keyword)
            is_matrix = weight is not None and weight.rank > 1
            return self.maker(made, weight, at, depth) if weight is not None and is_matrix else None
        if name in _STATES:
            # The weights of attention, its second output, have sizes of the input.
            main = next(tensors_in(step.output), None)
            is_main = name != _ATTENTION or (main is not None and main.shape == output.shape)
            return layer if place == 1 and is_main else None
        if name.startswith("conv"):
            weight = made.tensor("1", "weight")
            is_channel = weight is not None and place == SPATIAL.get(name, -1) + 1
            return layer if is_channel and weight is not None and weight.origin.parameters else None
        if (pool := _POOLS.fullmatch(name)) is not None:
            if place > int(pool[1]):
                return self.maker(made, first, place, depth)
            is_fixed = made.module is not None and made.module.class_name.startswith("Adaptive")
            return layer if is_fixed and made.module is not None and made.module.library else None
        if name in _PRESERVING:
            return self.maker(made, first, place, depth)
        if name in BROADCASTING:
            size = output.shape[-place]
            of_size = [each for each in made.given if each.rank >= place and each.shape[-place] == size]
            makers = [self.maker(made, each, place, depth) for each in of_size]
            found = [maker for maker in makers if maker is not None]
            # Any of them determines it, unless all would have to stay at 1.
            is_fixed = bool(found) and (size != 1 or len(found) == len(made.given))
            is_reduced = len(output.shape) < max(each.rank for each in made.given)
            return found[0] if is_fixed and not is_reduced else None
        if name == "transpose":
            return self._transposed(made, first, place, depth)
        if name in ("flatten", "view", "reshape"):
            return self._flattened(made, first, output, place, depth)
        return None

    def _transposed(self, made: Call, first: Given, place: int, depth: int) -> str | None:
        one, other = made.number("1", "dim0"), made.number("2", "dim1")
        if one is None or other is None:
            return None
        places = [first.rank - at if at >= 0 else -at for at in (one, other)]
        swapped = dict(zip(places, reversed(places), strict=True))
        return self.maker(made, first, swapped.get(place, place), depth)

    def _flattened(
        self, made: Call, first: Given, output: TensorSpec, place: int, depth: int
    ) -> str | None:
        """Follow the last size of a tensor whose dimensions after the batch were joined."""
        sizes = [size for size in first.shape[1:] if isinstance(size, int)]
        product = 1
        for size in sizes:
            product *= size
        joins = len(output.shape) == 2 and output.shape == (first.shape[0], product)
        # A batch of 1 may have been joined too, as by view(1, -1); its size would then help.
        is_after_batch = made.name == "flatten" and made.number("1", "start_dim") == 1
        is_ambiguous = first.shape[0] == 1 and not is_after_batch
        if is_ambiguous or place != 1 or not joins or len(sizes) != first.rank - 1:
            return None
        makers = [self.maker(made, first, at, depth) for at in range(1, first.rank)]
        return None if None in makers else makers[-1]
