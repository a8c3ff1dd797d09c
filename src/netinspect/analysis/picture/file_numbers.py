"""Nodes that compute sizes and conditions in plain numbers, which pictures leave out."""

from __future__ import annotations

from netinspect.records.file_graph import FileGraph, GraphNode

_SIZES = frozenset(
    (
        *("size", "sym_size", "sym_numel", "sym_stride", "dim", "numel", "len", "NumToTensor", "device"),
        *("dtype", "layout", "is_floating_point", "is_cuda", "requires_grad", "format", "warn"),
        *("RaiseException", "Shape", "Size", "_assert_scalar", "sym_constrain_range_for_size"),
        *("_assert_tensor_metadata", "sym_constrain_range", "TupleConstruct", "annotate"),
    )
)
"""Operators whose results are numbers, whatever they read."""

_CASTS = frozenset(("int", "float", "bool", "Int", "Float", "Bool", "str", "item"))
"""Operators whose results are numbers, from the values of tensors or from other numbers."""

_ARITHMETIC = frozenset(
    (
        *(
            "add",
            "sub",
            "mul",
            "div",
            "floordiv",
            "floor_divide",
            "truediv",
            "mod",
            "remainder",
            "pow",
            "neg",
            "abs",
            "eq",
        ),
        *("ne", "lt", "le", "gt", "ge", "min", "max", "and_", "or_", "__and__", "__or__", "__not__"),
        *(
            "__is__",
            "__isnot__",
            "__contains__",
            "__getitem__",
            "sym_min",
            "sym_max",
            "sym_not",
            "range",
        ),
        *(
            "ceil",
            "floor",
            "round",
            "list",
            "append",
            "Gather",
            "Unsqueeze",
            "Squeeze",
            "Concat",
            "Cast",
        ),
        *("Slice", "Add", "Sub", "Mul", "Div", "Mod", "Floor", "Ceil", "Equal", "Less", "Greater"),
        *(
            "Not",
            "And",
            "Or",
            "Where",
            "Reshape",
            "Min",
            "Max",
            "Identity",
            "ReduceProd",
            "Neg",
            "Sqrt",
            "Pow",
        ),
    )
)
"""Operators whose results are numbers if all that they read are numbers or constants."""


def number_nodes(graph: FileGraph) -> list[bool]:
    """Return for each node whether it computes sizes or conditions only, or hands on a parameter."""
    found = [False] * len(graph.nodes)
    open_owners: list[int] = []
    """Nodes with nested graphs around the current node, outermost first."""

    only_numbers: dict[int, bool] = {}
    owners = {each.owner for each in graph.bodies}

    def close() -> None:
        # A branch of which only checks are left is a check itself.
        owner = open_owners.pop()
        found[owner] = graph.nodes[owner].label == "if" and only_numbers[owner]
        if open_owners:
            only_numbers[open_owners[-1]] &= found[owner]

    for index, node in enumerate(graph.nodes):
        around = graph.bodies[node.body].owner
        while open_owners and open_owners[-1] != around:
            close()
        if index in owners:
            open_owners.append(index)
            only_numbers[index] = True
            continue
        found[index] = _is_number(node, found)
        if open_owners:
            only_numbers[open_owners[-1]] &= found[index]
    while open_owners:
        close()
    return found


def _is_number(node: GraphNode, found: list[bool]) -> bool:
    if node.label in _SIZES or node.label in _CASTS:
        return True
    if node.label not in _ARITHMETIC or any(each.kind in ("input", "unknown") for each in node.inputs):
        return False
    producers = [each.producer for each in node.inputs if each.producer is not None]
    if not producers and node.inputs:
        # Arithmetic on parameters alone, such as a sum of two weights, is part of the model.
        return node.label == "Identity"
    return all(found[each] for each in producers)


def sources_through(graph: FileGraph, numbers: list[bool]) -> list[tuple[int, ...]]:
    """Return for each node the drawn nodes that its value comes from: itself, unless it is a number.

    A condition comes from what its tensors come from; a size has no source.
    """
    found: list[tuple[int, ...]] = []
    for index, node in enumerate(graph.nodes):
        if not numbers[index]:
            found.append((index,))
        elif node.label in _SIZES:
            found.append(())
        else:
            sources = {
                source: None
                for each in node.inputs
                if each.producer is not None
                for source in found[each.producer]
            }
            found.append(tuple(sources))
    return found
