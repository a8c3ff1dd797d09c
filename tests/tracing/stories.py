"""Expected steps of odd models, as formatted by `story`, by the name of the case."""

from __future__ import annotations

from tests.support import TORCH

STORIES: dict[str, list[str]] = {
    "fields": [
        "inner: (4,3) -> Fields[first=(4,2) more=list[0=(4,2)]] of x",
        "inner.linear: (4,3) -> (4,2) of x",
        "head: (4,2) -> (4,1) from inner.linear",
    ],
    "namedtuple": [
        "inner: (4,3) -> Pair[left=(4,2) right=(4,2)] of x",
        "inner.linear: (4,3) -> (4,2) of x",
        "add: (4,2) -> (4,2) from inner.linear",
        "head: (4,2) -> (4,1) from add",
    ],
    "nested": [
        "add: (4,3) (4,3) -> (4,3) of data",
        "add/2: (4,3) (4,3) -> (4,3) from add of data",
        "add/3: (4,3) (4,3) -> (4,3) from add/2 of data",
        "add/4: (4,3) (4,3) -> (4,3) from add/3 of data",
        "linear: (4,3) -> (4,2) from add/4",
    ],
    "reused": [
        "linear: (4,3) -> (4,3) of x",
        "linear/2: (4,3) -> (4,3) from linear",
        "getitem: (4,3) -> (1,3) from linear/2",
        "linear/3: (1,3) -> (1,3) from getitem",
    ],
    "recursive": [
        "linear: (4,3) -> (4,3) of x",
        "model/2: (4,3) -> (4,3) from linear",
        "linear/2: (4,3) -> (4,3) from linear",
    ],
    "aliased": [
        "left: (4,3) -> (4,3) of x",
        "left.0: (4,3) -> (4,3) of x",
        "left.0.0: (4,3) -> (4,3) of x",
        "left.0.1: (4,3) -> (4,3) from left.0.0",
        "left.1: (4,3) -> (4,3) from left.0.1",
        "right: (4,3) -> (4,3) from left.1",
        "right.0: (4,3) -> (4,3) from left.1",
        "left.0/2: (4,3) -> (4,3) from right.0",
        "left.0.0/2: (4,3) -> (4,3) from right.0",
        "left.0.1/2: (4,3) -> (4,3) from left.0.0/2",
    ],
    "tied-object": [
        "embedding: int64(2) -> (2,3) of tokens",
        "head: (2,3) -> (2,5) from embedding",
    ],
    "containers": [
        "several.0: (4,3) -> (4,3) of x",
        "mul: (4,3) (3) -> (4,3) from several.0 with scales.0",
        "add: (4,3) (3) -> (4,3) from mul with shifts.one",
        "named.relu: (4,3) -> (4,3) from add",
        "several.1: (4,3) -> (4,3) from named.relu",
        "mul/2: (4,3) (3) -> (4,3) from several.1 with scales.1",
        "add/2: (4,3) (3) -> (4,3) from mul/2 with shifts.one",
        "named.relu/2: (4,3) -> (4,3) from add/2",
        "named.last: (4,3) -> (4,2) from named.relu/2",
    ],
    "bare": [
        "linear: (4,3) (3,3) (3) -> (4,3) of x with weight bias",
        "setitem: (6,3) (4,3) -> (6,3) from linear with cache",
        "sum: (6,3) -> (3) from setitem with cache",
    ],
    "chosen": [
        "named.narrow: (4,3) -> (4,2) of x",
        "numbered.1: (4,2) -> (4,2) from named.narrow",
    ],
    "directly": [
        "norm: (4,3) -> ? of x",
        "block: (4,3) -> ? from norm",
        "block.0: (4,3) -> (4,3) from norm",
        "block.1: (4,3) -> (4,3) from block.0",
        "derived: (4,3) -> ? from block.1",
        "sin: (4,3) -> (4,3) from block.1",
        "add: (4,3) -> (4,3) from sin",
        "exp: (4,3) -> (4,3) from add",
    ],
    "replaced": [
        "0: (4,3) -> (4,3) of input",
        "1: (4,3) -> (4,2) from 0",
    ],
    "sentences": [
        "pad_sequence: tuple[0=(2,3) 1=(3,3)] -> (3,2,3) of short long",
        "pack_padded_sequence: (3,2,3) int64(2) -> tuple[0=(5,3) 1=int64(3)] from pad_sequence",
        "layer: PackedSequence[data=(5,3) batch_sizes=int64(3) sorted_indices=int64(2) "
        "unsorted_indices=int64(2)] -> tuple[0=PackedSequence[data=(5,4) batch_sizes=int64(3) "
        "sorted_indices=int64(2) unsorted_indices=int64(2)] 1=tuple[0=(1,2,4) 1=(1,2,4)]] "
        "from pack_padded_sequence",
        "pad_packed_sequence: (5,4) int64(3) -> tuple[0=(3,2,4) 1=int64(2)] from layer",
        "getitem: int64(2) -> int64(2,1) from pad_packed_sequence layer",
        "div: (3,2,4) int64(2,1) -> (3,2,4) from pad_packed_sequence layer getitem",
    ],
    "cells": [
        "unbind: (2,4,3) -> tuple[0=(4,3) 1=(4,3)] of x",
        "first: (4,3) -> tuple[0=(4,4) 1=(4,4)] from unbind",
        "second: (4,4) -> (4,4) from first",
        "first/2: (4,3) tuple[0=(4,4) 1=(4,4)] -> tuple[0=(4,4) 1=(4,4)] from unbind first",
        "second/2: (4,4) (4,4) -> (4,4) from first/2 second",
    ],
    "attending": [
        "scaled_dot_product_attention: (1,2,5,4) (1,2,5,4) (1,2,5,4) -> (1,2,5,4) of q k v",
        "einsum: (1,2,5,4) (1,2,5,4) -> (1,2,5,5) from scaled_dot_product_attention of k",
    ],
    "views": [
        "mul: (3,4) -> (3,4) of x",
        "split: (3,4) -> tuple[0=(3,2) 1=(3,2)] from mul",
        "add_: (3,2) -> (3,2) from split",
        "exp: (3,2) -> (3,2) from split",
        "view: (3,4) -> (12) from mul add_",
        "mul_: (12) -> (12) from view",
        "t: (3,4) -> (4,3) from mul mul_",
        "add: (4,3) -> (4,3) from t",
        "neg: (3,2) -> (3,2) from add_ mul_",
    ],
    "in-place": [
        "add: (4,3) -> (4,3) of x",
        "add_: (4,3) -> (4,3) from add",
        "clamp_: (4,3) -> (4,3) from add_",
        "relu: (4,3) -> (4,3) from clamp_",
        "add/2: (4,3) (4,3) -> (4,3) from relu",
        "act: (4,3) -> (4,3) from add/2",
        "mul: (4,3) -> (4,3) from act",
    ],
    "parametrized": [
        "0: (2,4,3) -> (2,4,3) of input",
        "0.parametrizations.weight:  -> (3,3)",
        "0.parametrizations.weight.0: (3,3) -> (3,3)",
        "mul: (3,3) -> (3,3) with 0.parametrizations.weight.original",
        "linear: (2,4,3) (3,3) (3) -> (2,4,3) from mul of input with 0.bias",
        "1: (2,4,3) -> (2,2,3) from linear",
        "1.parametrizations.weight:  -> (2,4,1)",
        "1.parametrizations.weight.0: (2,1,1) (2,4,1) -> (2,4,1)",
        "conv1d: (2,4,3) (2,4,1) (2) -> (2,2,3) from linear 1.parametrizations.weight.0 with 1.bias",
    ],
    "pruned": ["0: (4,3) -> (4,3) of input", "1: (4,3) -> (4,3) from 0"],
    "custom": [
        "linear: (4,3) -> (4,3) of x",
        "mul: (4,3) (4,3) -> (4,3) from linear",
        "add: (4,3) -> (4,3) from mul",
    ],
    "checkpointed": [
        "block: (4,3) -> (4,3) of x",
        "block.0: (4,3) -> (4,3) of x",
        "block.1: (4,3) -> (4,3) from block.0",
        "exp: (4,3) -> (4,3) from block.1",
    ],
    "vectorised": ["linear: (4,3) -> (4,3) of x"],
    "mapped": [
        "linear: (2,4,3) -> (2,4,2) of x",
        "mul: (2,4,2) -> (2,4,2) from linear",
        "add: (2,4,2) -> (2,4,2) from mul",
    ],
    "functional": [
        "mul: (3,3) -> (3,3) with linear.weight",
        "mul/2: (3) -> (3) with linear.bias",
        "linear: (4,3) -> (4,3) of x",
    ],
    "data-parallel": ["module: (4,3) -> (4,3) of 0"],
    "scalar": ["mul: () () -> () of x with scale"],
    "dtypes": [
        "fft_fft: (4,3) -> complex64(4,3) of x",
        "bfloat16: (4,3) -> bfloat16(4,3) of x",
        "low: bfloat16(4,3) -> bfloat16(4,3) from bfloat16",
        "real: complex64(4,3) -> (4,3) from fft_fft",
        "half: (4,3) -> float16(4,3) from real",
    ],
    "hooked": ["0: (4,3) -> (4,3) of input", "1: (4,3) -> (4,3) from 0"],
    "fx": ["0: (4,3) -> (4,3) of input", "1: (4,3) -> (4,2) from 0"],
    "quantized": ["0: (4,3) -> (4,2) of input"],
}
STORIES["sentences-gru"] = [
    line.replace("1=tuple[0=(1,2,4) 1=(1,2,4)]]", "1=(1,2,4)]") for line in STORIES["sentences"]
]
STORIES["checkpointed-reentrant"] = STORIES["checkpointed"]
if TORCH <= (2, 6):  # with steps of torch's own code
    STORIES["checkpointed"] = ["empty:  -> (0)", "empty/2:  -> (0)", *STORIES["checkpointed"]]
