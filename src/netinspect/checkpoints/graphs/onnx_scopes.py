"""Module calls that ONNX nodes belong to, from their metadata or names."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping, Sequence

from netinspect.checkpoints.graphs.collector import Call
from netinspect.records.base import replace
from netinspect.records.file_graph import GraphModule, GraphNode

_SCOPES = "pkg.torch.onnx.name_scopes"
_CLASSES = "pkg.torch.onnx.class_hierarchy"
_NAMESPACE = "namespace"
_LONGEST = 5000
_TEXTS = re.compile(r"\[(?:\s*(?:'[^'\\]*'|\"[^\"\\]*\")\s*,?)*\]")
_MODULE_DOMAIN = "pkg."
_LATER_CALL = re.compile(r"(.+)_([1-9][0-9]{0,5})")


def stack_of(name: str, metadata: Mapping[str, str]) -> list[Call]:
    """Return the stack of module calls around a node, outermost first.

    Args:
        name: Name of the node.
        metadata: Its metadata.
    """
    scopes = _texts(metadata.get(_SCOPES, ""))
    if scopes:
        classes = _texts(metadata.get(_CLASSES, ""))
        classes += [""] * (len(scopes) - len(classes))
        # The last level is the operator of torch that the node was made from.
        return [Call(path, of) for path, of in zip(scopes[:-1], classes, strict=False)]
    if _NAMESPACE in metadata:
        return _from_namespace(metadata[_NAMESPACE][:_LONGEST])
    return _from_name(name)


def class_of_function(domain: bytes, name: bytes) -> str:
    """Return the class of the module that a function of the model was made from; empty for others."""
    text = domain.decode("utf-8", "replace")
    if not text.startswith(_MODULE_DOMAIN) or text.startswith("pkg.onnxscript"):
        return ""
    # Names are `torch_nn_modules_linear_Linear_layers_0_1`: the path of the module is in it too.
    return name.decode("utf-8", "replace")


def _from_namespace(text: str) -> list[Call]:
    """Parse `: lenet.LeNet/conv1: torch.nn.modules.conv.Conv2d/conv2d: aten.conv2d.default`."""
    stack = []
    for level in text.split("/")[:-1]:
        path, _, class_path = level.partition(": ")
        stack.append(Call(path.strip(": "), class_path.strip()))
    return stack


def _from_name(name: str) -> list[Call]:
    """Parse `/layer1/layer1.0/conv1/Conv`, where a name may repeat that of its container."""
    levels = [each for each in name.split("/")[:-1] if each]
    stack: list[Call] = []
    path = outer = last = ""
    for level in levels:
        if last and level.startswith(f"{last}."):
            path = f"{outer}.{level}" if outer else level
        else:
            outer = path
            path = f"{path}.{level}" if path else level
        last = level
        stack.append(Call(path))
    return stack


def _texts(text: str) -> list[str]:
    """Parse the `repr` of a list of texts; an empty list for anything else."""
    if len(text) > _LONGEST or not _TEXTS.fullmatch(text):
        return []
    try:
        return [each for each in ast.literal_eval(text) if isinstance(each, str)]
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return []


def with_repeated_calls(
    modules: Sequence[GraphModule], nodes: Sequence[GraphNode], parameters: Collection[str]
) -> list[GraphModule]:
    """Return modules of which `relu_1` next to `relu` is the second call of `relu`.

    torch's exporter names later calls of a module so. A module that is really called `relu_1` and has
    parameters is recognized by their names.

    Args:
        modules: Calls with the paths of their names.
        nodes: All nodes.
        parameters: Names of parameters.
    """
    own = _modules_of(parameters)
    slashed = {node.module for node in nodes if node.name.startswith("/")}
    for index in sorted(slashed, reverse=True):
        while (parent := modules[index].parent) is not None and parent not in slashed:
            slashed.add(parent)
            index = parent
    siblings: set[tuple[int | None, str]] = set()
    found: list[GraphModule] = []
    for index, each in enumerate(modules):
        above = "" if each.parent is None else modules[each.parent].path
        new_above = "" if each.parent is None else found[each.parent].path
        path = each.path
        if above != new_above and path.startswith(f"{above}."):
            path = f"{new_above}{path[len(above) :]}"
        call = 1
        match = _LATER_CALL.fullmatch(path)
        if match and index in slashed and path not in own and (each.parent, match[1]) in siblings:
            path, call = match[1], int(match[2]) + 1
        else:
            siblings.add((each.parent, path))
        found.append(replace(each, path=path, call=call))
    return found


def _modules_of(parameters: Collection[str]) -> set[str]:
    """Return the paths of all modules that have parameters, and of those around them."""
    found: set[str] = set()
    for name in parameters:
        path = name.rpartition(".")[0]
        while path and path not in found:
            found.add(path)
            path = path.rpartition(".")[0]
    return found
