"""Graph of an exported program: inputs, outputs and operators."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from netinspect.checkpoints.pickle.format_object import format_integer
from netinspect.records.checkpoint import Graph, GraphTensor, Operator

DTYPES = {
    1: "uint8",
    2: "int8",
    3: "int16",
    4: "int32",
    5: "int64",
    6: "float16",
    7: "float32",
    8: "float64",
    9: "complex32",
    10: "complex64",
    11: "complex128",
    12: "bool",
    13: "bfloat16",
    28: "uint16",
    29: "float8_e4m3fn",
    30: "float8_e5m2",
    31: "float8_e4m3fnuz",
    32: "float8_e5m2fnuz",
    33: "float8_e8m0fnu",
    34: "uint32",
    35: "uint64",
}
"""torch's name for each type number of the export schema."""

_SYMBOL = re.compile(r"Symbol\('(\w+)'")
_LONGEST = 100


def read_graph(model: dict[str, Any]) -> Graph | None:
    """Read the graph of `models/NAME.json`; None if its structure is unknown."""
    module = _dict(model.get("graph_module"))
    graph, signature = _dict(module.get("graph")), _dict(module.get("signature"))
    values = _dict(graph.get("tensor_values"))
    nodes = graph.get("nodes")
    if not values or not isinstance(nodes, list):
        return None
    targets = Counter(
        node["target"]
        for node in nodes
        if isinstance(node, dict) and isinstance(node.get("target"), str)
    )

    def tensors(specs: Any, key: str) -> tuple[GraphTensor, ...]:
        found = []
        for spec in specs if isinstance(specs, list) else ():
            argument = _dict(_dict(_dict(spec).get(key)).get("arg"))
            name = _dict(argument.get("as_tensor")).get("name")
            if not isinstance(name, str):
                continue
            meta = _dict(values.get(name))
            number = meta.get("dtype")
            sizes = meta.get("sizes")
            found.append(
                GraphTensor(
                    name=name,
                    dtype=DTYPES.get(number, "?") if isinstance(number, int) else "?",
                    shape=tuple(map(size_of, sizes)) if isinstance(sizes, list) else ("...",),
                )
            )
        return tuple(found)

    return Graph(
        inputs=tensors(signature.get("input_specs"), "user_input"),
        outputs=tensors(signature.get("output_specs"), "user_output"),
        operators=tuple(
            Operator(name=name.removeprefix("torch.ops."), uses=uses)
            for name, uses in sorted(targets.items(), key=lambda each: (-each[1], each[0]))
        ),
    )


def size_of(size: Any) -> int | str:
    """Return a size: a number, the name of a symbol, or the text of an expression."""
    entry = _dict(size)
    number = entry.get("as_int")
    if type(number) is int:
        return number if number.bit_length() < 64 else format_integer(number)
    text = _dict(entry.get("as_expr")).get("expr_str")
    if not isinstance(text, str):
        return "?"
    symbols = _SYMBOL.findall(text)
    whole = re.fullmatch(r"Symbol\('\w+'(, \w+=\w+)*\)", text)
    return symbols[0] if whole else text[:_LONGEST]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
