"""Graph of an exported program: the nodes of `models/NAME.json`.

The layout is `torch._export.serde.schema`: each argument is an object with one key, which is its type.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netinspect.checkpoints.formats.exported_graph import DTYPES, size_of
from netinspect.checkpoints.graphs.collector import DEEPEST_BODY, UNKNOWN, Call, Collector, GraphTooLarge
from netinspect.checkpoints.graphs.stack_traces import source_of
from netinspect.checkpoints.pickle.format_object import format_integer
from netinspect.records.checkpoint import GraphTensor
from netinspect.records.file_graph import FileGraph, GraphBody, GraphParameter, NodeInput

_NO_STACK = "_empty_nn_module_stack_from_metadata_hook"
_BRANCHES = ("cond", "switch")
_LOOPS = ("while_loop", "scan", "map_impl", "associative_scan")
_NAMED = {
    "parameter": ("parameter", "parameter_name"),
    "buffer": ("buffer", "buffer_name"),
    "tensor_constant": ("constant", "tensor_constant_name"),
    "custom_obj": ("constant", "custom_obj_name"),
}
"""Kinds of inputs that are stored in the file, with the key of their name."""

_LAYOUTS = {
    1: "sparse_coo",
    2: "sparse_csr",
    3: "sparse_csc",
    4: "sparse_bsr",
    5: "sparse_bsc",
    7: "strided",
}
_MEMORY_FORMATS = {1: "contiguous", 2: "channels_last", 3: "channels_last_3d", 4: "preserve"}
_MOST_SHOWN = 16
"""Largest number of items of a list that are shown as text."""

Origin = tuple[str, int | None]
"""Kind of a value as in `NodeInput`, and the node that makes it."""


def read_exported_graph(model: dict[str, Any], target: str) -> FileGraph | None:
    """Read the graph of `models/NAME.json`; None if its structure is unknown.

    Args:
        model: The JSON object.
        target: The target as typed.

    Raises:
        GraphTooLarge: It has more nodes or nested graphs than the limits.
    """
    module = _dict(model.get("graph_module"))
    graph = _dict(module.get("graph"))
    if not isinstance(graph.get("nodes"), list):
        return None
    return _Reader(_dict(module.get("signature"))).read(graph, target)


class _Values:
    """Types of the values of one graph."""

    def __init__(self, graph: dict[str, Any]) -> None:
        self._tensors = _dict(graph.get("tensor_values"))
        self._plain = {
            "int": _dict(graph.get("sym_int_values")),
            "bool": _dict(graph.get("sym_bool_values")),
            "float": _dict(graph.get("sym_float_values")),
        }

    def type_of(self, name: str) -> tuple[str, tuple[int | str, ...]]:
        """Return the dtype and shape of a value; a number has the shape ()."""
        meta = self._tensors.get(name)
        if isinstance(meta, dict):
            number, sizes = meta.get("dtype"), meta.get("sizes")
            dtype = DTYPES.get(number, "?") if isinstance(number, int) else "?"
            return dtype, tuple(map(size_of, sizes)) if isinstance(sizes, list) else UNKNOWN
        for kind, values in self._plain.items():
            if name in values:
                return kind, ()
        return "?", UNKNOWN


class _Reader:
    """Reader of one graph, which collects its parts."""

    def __init__(self, signature: dict[str, Any]) -> None:
        self._signature = signature
        self._found = Collector()

    def read(self, graph: dict[str, Any], target: str) -> FileGraph:
        values = _Values(graph)
        known: dict[str, Origin] = {}
        inputs = []
        stored, given = self._stored(values)
        for name in _names(graph.get("inputs")):
            if name in stored:
                known[name] = ("parameter", None)
            else:
                known[name] = ("input", None)
                if not given or name in given:
                    inputs.append(self._tensor(name, values))
        self._found.body(GraphBody(inputs=tuple(inputs)))
        self._nodes(graph, 0, 0, known)
        self._end(0, self._results(graph), values, known)
        return self._found.graph(target, "exported program")

    def _stored(self, values: _Values) -> tuple[set[str], set[str]]:
        """Collect the stored inputs; return their names in the graph, and those of the user's inputs."""
        stored, given = set[str](), set[str]()
        for spec in _list(self._signature.get("input_specs")):
            for kind, each in _dict(spec).items():
                argument = _dict(_dict(each).get("arg"))
                if kind not in _NAMED:
                    given.update(name for name, _ in _values_in(argument))
                    continue
                name, (meaning, key) = argument.get("name"), _NAMED[kind]
                own = _dict(each).get(key)
                if isinstance(name, str):
                    stored.add(name)
                    dtype, shape = values.type_of(name)
                    self._found.parameter(
                        GraphParameter(
                            value=self._found.text(name),
                            name=self._found.text(own if isinstance(own, str) else name),
                            kind=meaning,  # type: ignore[arg-type]
                            dtype=dtype,
                            shape=shape,
                        )
                    )
        return stored, given

    def _results(self, graph: dict[str, Any]) -> list[str]:
        """Return the names of the model's outputs; writes to buffers and inputs become a note."""
        specs = _list(self._signature.get("output_specs"))
        if not specs:
            return _names(graph.get("outputs"))
        results, written = [], 0
        for spec in specs:
            for kind, each in _dict(spec).items():
                if kind.endswith("_mutation"):
                    written += 1
                else:
                    argument = _dict(each).get("arg")
                    if isinstance(_dict(argument).get("name"), str):  # loss and gradients
                        argument = {"as_tensor": argument}
                    results += [name for name, _ in _values_in(argument)]
        if written:
            self._found.note(
                f"values that are written to buffers or inputs after the graph: {written:,}"
            )
        return results

    def _end(self, body: int, names: list[str], values: _Values, known: dict[str, Origin]) -> None:
        outputs = [self._tensor(name, values) for name in names]
        self._found.end_body(body, outputs, [self._input("", name, known) for name in names])

    # --- nodes -----------------------------------------------------------------------------------

    def _nodes(self, graph: dict[str, Any], body: int, depth: int, known: dict[str, Origin]) -> None:
        """Collect the nodes of a graph, each followed by those of its nested graphs."""
        found, values = self._found, _Values(graph)
        nodes = [each for each in _list(graph.get("nodes")) if isinstance(each, dict)]
        made = {name for node in nodes for name in _names(node.get("outputs"))}
        for node in nodes:
            target = node.get("target")
            target = target if isinstance(target, str) else "?"
            metadata = _dict(node.get("metadata"))
            inputs: list[NodeInput] = []
            attributes: list[tuple[str, str, str]] = []
            graphs: list[tuple[str, dict[str, Any]]] = []
            last: list[NodeInput] = []
            for each in _list(node.get("inputs")):
                key, argument = _text(_dict(each).get("name")), _dict(_dict(each).get("arg"))
                read = [self._input(key, name, known, made) for name, _ in _values_in(argument)]
                inputs += read
                last = read
                if isinstance(inner := argument.get("as_graph"), dict):
                    graphs.append((_text(inner.get("name")), _dict(inner.get("graph"))))
                elif (text := _text_of(argument)) is not None:
                    attributes.append((key, *text))
            outputs = _names(node.get("outputs"))
            index = found.node(
                target.removeprefix("torch.ops."),
                _label(target),
                name=_text(node.get("name")),
                module=found.module(_stack(_text(metadata.get("nn_module_stack")))),
                body=body,
                inputs=inputs,
                outputs=[self._tensor(name, values) for name in outputs],
                attributes=attributes,
                source=source_of(_text(metadata.get("stack_trace")), found),
            )
            if graphs and depth == DEEPEST_BODY:
                raise GraphTooLarge(f"it has more than {DEEPEST_BODY} graphs within each other")
            # The operands of all inner graphs are the last argument, one for each of their inputs.
            operands = tuple(range(len(inputs) - len(last), len(inputs)))
            for name, inner_graph in graphs:
                self._inner(name, inner_graph, index, operands, depth + 1)
            known.update(dict.fromkeys(outputs, ("node", index)))

    def _inner(
        self, name: str, graph: dict[str, Any], owner: int, operands: tuple[int, ...], depth: int
    ) -> None:
        found, values = self._found, _Values(graph)
        names = _names(graph.get("inputs"))
        label = found.nodes[owner].label
        body = found.body(
            GraphBody(
                name=found.text(name),
                owner=owner,
                kind="branch" if label in _BRANCHES else "loop" if label in _LOOPS else "graph",
                inputs=tuple(self._tensor(each, values) for each in names),
                operands=operands if len(operands) == len(names) else (None,) * len(names),
            )
        )
        known: dict[str, Origin] = dict.fromkeys(names, ("input", None))
        self._nodes(graph, body, depth, known)
        self._end(body, _names(graph.get("outputs")), values, known)

    def _tensor(self, name: str, values: _Values) -> GraphTensor:
        return self._found.tensor(name, *values.type_of(name))

    def _input(
        self, argument: str, name: str, known: dict[str, Origin], made: set[str] | None = None
    ) -> NodeInput:
        kind, producer = known.get(name, ("unknown", None))
        if kind == "unknown":
            if made is not None and name in made:
                self._found.read_early()
            else:
                self._found.read_undefined()
        return NodeInput(
            value=self._found.text(name),
            argument=self._found.text(argument),
            producer=producer,
            kind=kind,  # type: ignore[arg-type]
        )


def _stack(text: str) -> list[Call]:
    """Parse `nn_module_stack`: `key,path,class` for each module; a later call has `@N` in its key."""
    stack = []
    for level in text.split(";") if text else ():
        key, _, rest = level.partition(",")
        path, _, class_path = rest.partition(",")
        if key == _NO_STACK:
            continue
        _, mark, number = key.rpartition("@")
        call = int(number[:9]) + 1 if mark and number.isdecimal() and number.isascii() else 1
        stack.append(Call(path.partition("@")[0], class_path, call))
    return stack


def _label(target: str) -> str:
    """Return the short name of an operator: `conv2d` of `torch.ops.aten.conv2d.default`."""
    parts = target.split(".")
    if target.startswith("torch.ops.") and len(parts) > 3:
        return parts[3]
    return parts[-1] or target


def _values_in(argument: Any) -> Iterator[tuple[str, str]]:
    """Yield the name and kind of each value of the graph in an argument."""
    for kind, value in _dict(argument).items():
        if kind in ("as_tensor", "as_custom_obj", "as_token"):
            items = [value]
        elif kind in ("as_tensors", "as_optional_tensors", "as_nested_tensors"):
            items = _list(value)
        elif kind == "as_optional_tensor":
            items = [_dict(value).get("as_tensor")]
        elif kind.startswith("as_sym_"):
            items = value if isinstance(value, list) else [value]
        else:
            continue
        for item in items:
            for each in item if isinstance(item, list) else (item,):
                inner = _dict(_dict(each).get("as_tensor")) or _dict(each)
                name = inner.get("as_name" if kind.startswith("as_sym_") else "name")
                if isinstance(name, str):
                    yield name, kind


def _names(arguments: Any) -> list[str]:
    return [name for each in _list(arguments) for name, _ in _values_in(each)]


def _text_of(argument: dict[str, Any]) -> tuple[str, str] | None:
    """Return the type and text of a plain argument; None for values of the graph."""
    for kind, value in argument.items():
        if kind in ("as_none", "as_optional_tensor"):
            return None
        if kind == "as_scalar_type" and isinstance(value, int):
            return "dtype", DTYPES.get(value, "?")
        if kind == "as_memory_format" and isinstance(value, int):
            return "memory_format", _MEMORY_FORMATS.get(value, "?")
        if kind == "as_layout" and isinstance(value, int):
            return "layout", _LAYOUTS.get(value, "?")
        if kind == "as_device":
            device, number = _dict(value).get("type"), _dict(value).get("index")
            return "device", f"{_text(device)}:{number}" if type(number) is int else _text(device)
        if kind.startswith("as_sym_"):
            if isinstance(value, list):
                return kind[7:], _format([_plain(each) for each in value[: _MOST_SHOWN + 1]], len(value))
            plain = _plain(value)
            return None if "as_name" in _dict(value) else (kind[7:], _format(plain))
        if kind in ("as_int", "as_float", "as_bool", "as_string", "as_operator"):
            return kind[3:], _format(value)
        if kind in ("as_ints", "as_floats", "as_bools", "as_strings", "as_int_lists", "as_float_lists"):
            items = _list(value)
            return kind[3:], _format(items[: _MOST_SHOWN + 1], len(items))
    return None


def _plain(value: Any) -> Any:
    """Return the number or name in a symbolic argument."""
    return next(iter(_dict(value).values()), None)


def _format(value: Any, length: int = 0) -> str:
    """Format a plain value; a list is cut after a few items."""
    if isinstance(value, list):
        shown = [
            _format(each, len(each) if isinstance(each, list) else 0) for each in value[:_MOST_SHOWN]
        ]
        return f"[{', '.join(shown)}{', ...' if length > _MOST_SHOWN else ''}]"
    if type(value) is int:
        return str(value) if value.bit_length() < 64 else format_integer(value)
    return value if isinstance(value, str) else repr(value)[:100] if not isinstance(value, dict) else "?"


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
