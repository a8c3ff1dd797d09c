"""Graph of a TorchScript archive: what `forward` calls, found by following its code without running it.

Calls of submodules and of functions are followed into their own code. Values are names of what makes
them. Both branches of an `if` are nested graphs unless a constant decides it, as is the body of a loop.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Sequence

from netinspect.checkpoints.formats.torch_script import read_torch_script
from netinspect.checkpoints.formats.torch_zip import prefix_of
from netinspect.checkpoints.graphs.collector import Call, Collector, GraphTooLarge
from netinspect.checkpoints.graphs.script_code import (
    ROOT,
    ScriptClass,
    ScriptCode,
    dotted,
    plain_name,
    short_text,
)
from netinspect.checkpoints.graphs.script_nodes import Frame, ScriptNodes
from netinspect.checkpoints.graphs.script_values import (
    FALSE,
    NONE,
    TRUE,
    FunctionValue,
    Items,
    ModuleValue,
    Ref,
    Text,
    Value,
    assigned_names,
    bind,
    container,
    folded,
    refs_in,
)
from netinspect.checkpoints.io.zip_archive import Archive
from netinspect.records.checkpoint import GraphTensor
from netinspect.records.file_graph import FileGraph, GraphBody

_ROOT_CLASS = re.compile(rb"^\x80.c(__torch__[\w.]*)\n(\w+)\n", re.DOTALL)
_DEEPEST_CALL = 48
_MOST_EXPRESSIONS = 1_000_000
_CASTS = ("annotate", "unchecked_cast", "ops.prim.unchecked_cast")
"""Functions of a type and a value, which return the value."""


def read_torch_script_graph(archive: Archive, target: str) -> FileGraph:
    """Read the graph of a TorchScript archive.

    Raises:
        GraphTooLarge: There is too much code, or it calls too much.
        CheckpointError: The archive is damaged.
        LoadError: The archive cannot be read.
    """
    try:
        return _Follower(archive).read(target)
    except RecursionError:
        raise GraphTooLarge("its code is nested too deeply") from None


class _Follower:
    """Follower of the calls in `forward`."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._code = ScriptCode(archive)
        self._found = Collector()
        self._calls: Counter[str] = Counter()
        self._left = _MOST_EXPRESSIONS
        self._following: list[str] = []
        checkpoint = read_torch_script(archive)
        tensors = {each.name: each for each in checkpoint.tensors}
        self._nodes = ScriptNodes(self._found, tensors)

    def read(self, target: str) -> FileGraph:
        found = self._found
        root = self._root_class()
        forward = None if root is None else self._code.find_function(f"{root.name}.forward")
        if root is None or forward is None:
            found.body(GraphBody())
            found.note("its code has no forward that can be read, so there is no graph")
            return found.graph(target, "TorchScript")
        found.module([Call("", plain_name(root.name))])
        names = [each.arg for each in forward.args.args[1:]]
        inputs = [found.tensor(name) for name in names]
        found.body(GraphBody(inputs=tuple(inputs)))
        arguments: list[Value] = [Ref(each.name, "input") for each in inputs]
        result = self._run(forward, ModuleValue("", root), arguments, {}, 0, 0, 0)
        refs = refs_in(result)
        outputs = [found.tensor(each.name) for each in refs]
        found.end_body(0, outputs, [self._nodes.input(each) for each in refs])
        found.note("no shapes in the file: TorchScript stores none")
        for name in list(self._code.unread)[:5]:
            found.note(f"code that cannot be read: {plain_name(name):.100}")
        return found.graph(target, "TorchScript")

    def _root_class(self) -> ScriptClass | None:
        member = self._archive.find(f"{prefix_of(self._archive)}data.pkl")
        raw = b"" if member is None else self._archive.start(member, 1000)[0]
        match = _ROOT_CLASS.match(raw)
        if match is None:
            return None
        return self._code.find_class(f"{match[1].decode()}.{match[2].decode()}")

    # --- calls -----------------------------------------------------------------------------------

    def _run(
        self,
        function: ast.FunctionDef,
        owner: ModuleValue | None,
        positional: Sequence[Value],
        keywords: dict[str, Value],
        body: int,
        module: int,
        depth: int,
    ) -> Value:
        """Follow the code of a function; return what it returns."""
        names = bind(function, owner, positional, keywords)
        frame = Frame(names, body, module, owner, depth)
        self._statements(function.body, frame)
        return frame.result

    def _call_module(
        self,
        module: ModuleValue,
        method: str,
        values: list[Value],
        keywords: dict[str, Value],
        frame: Frame,
    ) -> Value:
        """Follow a method of a module: of another one as a call of it, of the same one in its place."""
        name = f"{module.kind.name}.{method}"
        function = self._code.find_function(name)
        if function is None or not self._enter(name, frame):
            return self._nodes.operator(plain_name(name), method, values, keywords, frame)
        index = frame.module
        if frame.owner is None or module.path != frame.owner.path:
            self._calls[module.path] += 1
            call = Call(module.path, plain_name(module.kind.name), self._calls[module.path])
            index = self._found.new_module(frame.module, call)
        result = self._run(function, module, values, keywords, frame.body, index, frame.depth + 1)
        self._following.pop()
        return result

    def _call_function(
        self, name: str, values: list[Value], keywords: dict[str, Value], frame: Frame
    ) -> Value:
        """Follow a function of the code: its call is a node, and what it calls the graph inside."""
        function = self._code.find_function(name)
        plain = plain_name(name)
        label = plain.rpartition(".")[2]
        if function is None or not self._enter(name, frame):
            if (made := self._code.find_class(name)) is not None and not made.is_module:
                return container([*values, *keywords.values()])  # a named tuple
            return self._nodes.operator(plain, label, values, keywords, frame)
        index = self._nodes.node(plain, label, values, keywords, frame)
        operands: list[int | None] = []
        inputs: list[GraphTensor] = []
        inner: list[Value] = []
        given = 0
        names = [each.arg for each in function.args.args]
        for place, value in enumerate(values):
            # A tensor is an input of the graph inside; anything else is seen through.
            if isinstance(value, Ref) and place < len(names):
                operands.append(given)
                inputs.append(self._found.tensor(names[place]))
                inner.append(Ref(names[place], "input"))
            else:
                inner.append(value)
            given += len(refs_in(value))
        body = self._found.body(
            GraphBody(
                name=self._found.text(label),
                owner=index,
                kind="function",
                inputs=tuple(inputs),
                operands=tuple(operands),
            )
        )
        result = self._run(function, None, inner, keywords, body, frame.module, frame.depth + 1)
        self._following.pop()
        self._nodes.end_body(body, {label: result})
        return self._nodes.outputs(index, [label])[0]

    def _enter(self, name: str, frame: Frame) -> bool:
        """Return whether a function may be followed: not one that is being followed, nor too deep."""
        if name in self._following or frame.depth >= _DEEPEST_CALL:
            self._found.note(
                f"calls that are not followed, since they do not end: {plain_name(name):.100}"
            )
            return False
        self._following.append(name)
        return True

    # --- statements ------------------------------------------------------------------------------

    def _statements(self, statements: Sequence[ast.stmt], frame: Frame) -> None:
        for each in statements:
            self._spend()
            if isinstance(each, ast.Assign):
                value = self._value(each.value, frame)
                for target in each.targets:
                    self._assign(target, value, frame)
            elif isinstance(each, ast.AnnAssign) and each.value is not None:
                self._assign(each.target, self._value(each.value, frame), frame)
            elif isinstance(each, ast.Expr):
                self._value(each.value, frame)
            elif isinstance(each, ast.Return):
                frame.result = NONE if each.value is None else self._value(each.value, frame)
            elif isinstance(each, ast.If):
                self._branch(each, frame)
            elif isinstance(each, (ast.For, ast.While)):
                self._loop(each, frame)
            elif isinstance(each, ast.With):
                self._statements(each.body, frame)
            elif not isinstance(each, (ast.Pass, ast.Assert, ast.Raise)):
                self._found.note(f"statements that are not followed: {type(each).__name__}")

    def _assign(self, target: ast.expr, value: Value, frame: Frame) -> None:
        if isinstance(target, ast.Name):
            frame.names[target.id] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            items = value.items if isinstance(value, Items) else (value,) * len(target.elts)
            for each, item in zip(target.elts, items, strict=False):
                self._assign(each, item, frame)

    def _branch(self, statement: ast.If, frame: Frame) -> None:
        """Follow both branches of an `if`, as graphs of one node, unless a constant decides it."""
        test = self._value(statement.test, frame)
        if test in (TRUE, FALSE):
            self._statements(statement.body if test == TRUE else statement.orelse, frame)
            return
        index = self._nodes.node("if", "if", [test], {}, frame)
        before = dict(frame.names)
        self._spend(len(before) // 8)
        ends: list[tuple[int, dict[str, Value]]] = []
        for label, statements in (("then", statement.body), ("else", statement.orelse)):
            body = self._found.body(GraphBody(name=label, owner=index, kind="branch"))
            inner = Frame(dict(before), body, frame.module, frame.owner, frame.depth, frame.result)
            self._statements(statements, inner)
            frame.result = inner.result
            ends.append((body, inner.names))
        (then, one), (other, two) = ends
        names = [
            name for name in {**one, **two} if name in one and name in two and one[name] != two[name]
        ]
        for body, end in ((then, one), (other, two)):
            self._nodes.end_body(body, {name: end[name] for name in names})
        merged = dict(zip(names, self._nodes.outputs(index, names), strict=True))
        frame.names.update({name: value for name, value in one.items() if two.get(name) == value})
        for name, value in merged.items():
            # Modules and functions stay what they are; all else comes from the node.
            keeps = isinstance(one[name], (ModuleValue, FunctionValue))
            frame.names[name] = one[name] if keeps else value

    def _loop(self, statement: ast.For | ast.While, frame: Frame) -> None:
        """Follow the body of a loop once, as a graph of a node."""
        label = "for" if isinstance(statement, ast.For) else "while"
        carried = [name for name in assigned_names(statement.body) if name in frame.names]
        carried = [
            name for name in carried if not isinstance(frame.names[name], (ModuleValue, FunctionValue))
        ]
        head = statement.iter if isinstance(statement, ast.For) else statement.test
        values = [self._value(head, frame), *(frame.names[name] for name in carried)]
        index = self._nodes.node(label, label, values, {}, frame)
        operands: list[int | None] = []
        given = len(refs_in(values[0]))
        for value in values[1:]:
            refs = refs_in(value)
            operands.append(given if refs else None)
            given += len(refs)
        inputs = tuple(self._found.tensor(name) for name in carried)
        body = self._found.body(
            GraphBody(name=label, owner=index, kind="loop", inputs=inputs, operands=tuple(operands))
        )
        inner = Frame(dict(frame.names), body, frame.module, frame.owner, frame.depth)
        inner.names.update((each.name, Ref(each.name, "input")) for each in inputs)
        if isinstance(statement, ast.For):
            self._assign(statement.target, Text("i"), inner)
        self._statements(statement.body, inner)
        self._nodes.end_body(body, {name: inner.names[name] for name in carried})
        frame.names.update(zip(carried, self._nodes.outputs(index, carried), strict=True))

    # --- expressions -----------------------------------------------------------------------------

    def _value(self, node: ast.expr, frame: Frame) -> Value:
        """Return the value of an expression; calls in it become nodes."""
        self._spend()
        if isinstance(node, ast.Name):
            return frame.names.get(node.id) or FunctionValue(node.id)
        if isinstance(node, ast.Constant):
            return Text(short_text(node))
        if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
            return container([self._value(each, frame) for each in node.elts])
        if isinstance(node, ast.Dict):
            return container([self._value(each, frame) for each in node.values])
        if isinstance(node, ast.Attribute):
            return self._attribute(self._value(node.value, frame), node.attr)
        if isinstance(node, ast.Call):
            return self._call(node, frame)
        if isinstance(node, ast.Subscript):
            return self._subscript(node, frame)
        parts = [
            self._value(each, frame) for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)
        ]
        if all(isinstance(each, Text) for each in parts):
            return Text(short_text(node))
        return container(parts)  # an arithmetic or boolean expression, which the printer rarely writes

    def _attribute(self, value: Value, name: str) -> Value:
        if isinstance(value, FunctionValue):
            if value.name == "CONSTANTS":  # tensors of `constants.pkl`, named c0, c1 and so on
                return self._nodes.stored(f"CONSTANTS.{name}"[:100], f"constants.{name[1:]}"[:100])
            return FunctionValue(f"{value.name}.{name}" if len(value.name) < 2000 else value.name)
        if not isinstance(value, ModuleValue):
            return value  # a field of a named tuple or a property of a tensor
        path = f"{value.path}.{name}" if value.path else name
        type_name = value.kind.types.get(name, "")
        if type_name.startswith(f"{ROOT}.") and (of := self._code.find_class(type_name)) is not None:
            return ModuleValue(self._found.text(path), of) if of.is_module else self._nodes.stored(path)
        if name in value.kind.constants:
            return Text(value.kind.constants[name])
        is_tensor = name in value.kind.tensors or type_name in ("Tensor", "List", "Optional")
        return self._nodes.attribute(path) if is_tensor else Text(name)

    def _subscript(self, node: ast.Subscript, frame: Frame) -> Value:
        value, key = self._value(node.value, frame), node.slice
        number = key.value if isinstance(key, ast.Constant) else None
        if isinstance(value, Items) and isinstance(number, int):
            inside = -len(value.items) <= number < len(value.items)
            return value.items[number] if inside else value
        if isinstance(value, FunctionValue):
            return value  # a type such as List[int]
        index = self._value(key, frame)
        return value if not refs_in(index) else container([value, index])

    def _call(self, node: ast.Call, frame: Frame) -> Value:
        name = node.func.id if isinstance(node.func, ast.Name) else dotted(node.func)
        if name in _CASTS and len(node.args) == 2:
            return self._value(node.args[1], frame)
        if name == "uninitialized":
            return NONE
        if name == "getattr" and len(node.args) == 2 and isinstance(node.args[1], ast.Constant):
            return self._attribute(self._value(node.args[0], frame), str(node.args[1].value)[:200])
        method = ""
        if isinstance(node.func, ast.Attribute):
            function = self._value(node.func.value, frame)
            method = node.func.attr
            if isinstance(function, FunctionValue):
                function = self._attribute(function, method)
        else:
            function = self._value(node.func, frame)
        values = [self._value(each, frame) for each in node.args]
        keywords = {each.arg or "**": self._value(each.value, frame) for each in node.keywords}
        if isinstance(function, ModuleValue):
            return self._call_module(function, method or "forward", values, keywords, frame)
        if isinstance(function, FunctionValue):
            if function.name.startswith(f"{ROOT}."):
                return self._call_function(function.name, values, keywords, frame)
            if (known := folded(function.name, values)) is not None:
                return known
            label = function.name.rpartition(".")[2]
            return self._nodes.operator(function.name, label, values, keywords, frame)
        return self._nodes.operator(
            method or "call", method or "call", [function, *values], keywords, frame
        )

    def _spend(self, expressions: int = 1) -> None:
        self._left -= expressions
        if self._left < 0:
            raise GraphTooLarge(f"following its code takes more than {_MOST_EXPRESSIONS:,} expressions")
