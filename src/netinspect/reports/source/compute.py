"""Computation of the `source` report: source code annotated with the shapes of a run."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Sequence
from itertools import pairwise

from netinspect.analysis.header import build_header
from netinspect.analysis.module_index import Structure
from netinspect.errors import SavedTraceError, UsageError
from netinspect.records.modules import Module
from netinspect.records.steps import SourceLine, Step
from netinspect.records.trace import Code, Trace
from netinspect.records.values import Value, tensors_in
from netinspect.reports.source.record import CodeLine, Listing, Source

_SHORT_CLASS = 200
"""Maximum number of lines of a user's class that is shown whole."""


def annotate_source(trace: Trace, *, path: str = "", whole_class: bool = False) -> Source:
    """Annotate the source of a module's class.

    Args:
        trace: The trace.
        path: The module.
        whole_class: Show every line. Otherwise classes of torch and long classes are reduced to the
            constructor, `forward` and the methods that ran, without docstrings.

    Raises:
        UsageError: No module has this path, or its class has no source.
        SavedTraceError: The trace contains no source.
    """
    structure = Structure(trace)
    module = structure.find(path)
    if not trace.code:
        raise SavedTraceError(
            f"the trace of {trace.target} contains no source",
            hint="save it again with: netinspect trace TARGET --save FILE",
        )
    by_class = {code.class_path: code for code in trace.code}
    own = by_class.get(module.class_path)
    if own is None or not own.lines:
        raise UsageError(
            f"the class {module.class_path} has no source to show",
            hint="it was not defined in a file, but by exec, by a compiler or in C++",
        )
    called = module.alias_of if module.alias_of is not None else module.path
    calls = structure.calls.get(called, [])
    notes = LineNotes(structure, calls)
    listings = [_list(own, module, structure, notes, whole_class=whole_class)]
    inherited = _forward_code(module, own, trace.code)
    if inherited is not None:
        listings.append(_list(inherited, module, structure, notes, whole_class=whole_class))
    return Source(
        header=build_header(trace),
        path=module.path,
        class_name=module.class_name,
        calls=len(calls),
        listings=tuple(listings),
    )


def _forward_code(module: Module, own: Code, code: Sequence[Code]) -> Code | None:
    """Return the class that defines the `forward` of a module; None if it is the module's own class."""
    line = module.forward_line
    if module.forward_file is None or line is None or _covers(own, module.forward_file, line):
        return None
    return next((each for each in code if _covers(each, module.forward_file, line)), None)


def _covers(code: Code, file: str, line: int) -> bool:
    return code.file == file and code.first_line <= line < code.first_line + len(code.lines)


class LineNotes:
    """Annotations of the lines that ran during the calls of one module."""

    def __init__(self, structure: Structure, calls: Sequence[Step]) -> None:
        self.calls = calls
        self._structure = structure
        self._by_line: dict[tuple[str, int], list[list[Step]]] = {}
        for call in calls:
            reached: dict[tuple[str, int], int] = {}
            for step in structure.children.get(call.index, ()):
                inner = _line(step)
                for line in () if inner is None else (inner, *step.via):
                    key = (line.file, line.line)
                    runs = self._by_line.setdefault(key, [])
                    before = reached.get(key)
                    # All steps of a helper function share the instruction that calls it.
                    if before is not None and (
                        line.instruction > before or (line is not inner and line.instruction == before)
                    ):
                        runs[-1].append(step)
                    else:  # another call, or another iteration of a loop
                        runs.append([step])
                    reached[key] = line.instruction

    def lines(self, code: Code) -> set[int]:
        """Return the line numbers of a class that ran steps."""
        return {line for file, line in self._by_line if _covers(code, file, line)}

    def at(self, file: str, number: int) -> str:
        """Format the shapes that passed through a line, over all its runs."""
        runs = self._by_line.get((file, number), [])
        texts = [self._run(run) for run in runs]
        if not texts:
            return ""
        if len(set(texts)) == 1:
            return texts[0] if len(texts) == 1 else f"{texts[0]}  x{len(texts)}"
        return f"{texts[0]}  ...  {texts[-1]}  x{len(texts)}, {len(set(texts))} different"

    def failed(self, file: str, number: int) -> bool:
        """Return whether a step on this line raised."""
        return any(step.failed for run in self._by_line.get((file, number), ()) for step in run)

    def _run(self, run: list[Step]) -> str:
        inputs = [_shapes(item.value) for item in run[0].inputs.items]
        first = ", ".join(filter(None, inputs))
        outputs = {_shapes(step.output) for step in run}
        # In a chain, each step uses the output of the previous one; otherwise list all inputs.
        chained = all(self._feeds(left, right) for left, right in pairwise(run))
        if not chained:
            others = [
                shapes
                for step in run[1:]
                for item in step.inputs.items
                if (shapes := _shapes(item.value)) and shapes not in outputs
            ]
            first = ", ".join(dict.fromkeys(filter(None, (*inputs, *others))))
        parts = [first] if first else []
        results = [
            "FAILED" if step.failed else _shapes(step.output)
            for index, step in enumerate(run)
            if chained or not any(self._feeds(step, later) for later in run[index + 1 :])
        ]
        if not chained:
            results = [", ".join(filter(None, results))]
        for shapes in results:
            if shapes and (not parts or shapes != parts[-1]):
                parts.append(shapes)
        if len(parts) == 1 and first:
            parts.append(first)  # the shape is unchanged: show it as input and output
        return " -> ".join(parts)

    def _feeds(self, left: Step, right: Step) -> bool:
        return any(self._ancestor(producer, left) for producer in right.producers)

    def _ancestor(self, index: int, above: Step) -> bool:
        steps = self._structure.trace.steps
        at: int | None = index
        while at is not None and at >= above.index:
            if at == above.index:
                return True
            at = steps[at].parent
        return False


def _line(step: Step) -> SourceLine | None:
    return step.site or step.source


def _shapes(value: Value | None) -> str:
    # No spaces: annotations next to code have little room.
    return ", ".join(f"({','.join(map(str, spec.shape))})" for spec in tensors_in(value))


def _list(
    code: Code, module: Module, structure: Structure, notes: LineNotes, *, whole_class: bool
) -> Listing:
    syntax = _ClassSyntax(code)
    numbers = range(code.first_line, code.first_line + len(code.lines))
    shown = set(numbers)
    if not whole_class and (module.library or len(code.lines) > _SHORT_CLASS):
        shown = syntax.essential(notes.lines(code))
    forward = syntax.methods.get("forward")
    lines = []
    for number in numbers:
        if number not in shown:
            continue
        note = notes.at(code.file, number)
        if not note and forward is not None and notes.calls:
            note = _boundary(number, forward, syntax, notes.calls)
        lines.append(
            CodeLine(
                number=number,
                text=code.lines[number - code.first_line],
                note=note or _constructed(number, syntax, module, structure),
                failed=notes.failed(code.file, number),
            )
        )
    return Listing(
        class_path=code.class_path,
        file=code.file,
        lines=tuple(lines),
        total_lines=len(code.lines),
    )


def _boundary(number: int, forward: range, syntax: _ClassSyntax, calls: Sequence[Step]) -> str:
    """Return the input shapes at the `def` of forward, and the output shapes at its only `return`."""
    call = calls[0]
    if number == syntax.definitions.get("forward"):
        inputs = [_shapes(item.value) for item in call.inputs.items]
        text = ", ".join(filter(None, inputs))
        return f"{text}  x{len(calls)}" if text and len(calls) > 1 else text
    if syntax.returns(forward) == [number]:
        return _shapes(call.output)
    return ""


def _constructed(number: int, syntax: _ClassSyntax, module: Module, structure: Structure) -> str:
    """Return the number of parameters that a line of the constructor registers."""
    name = syntax.assigned.get(number)
    if name is None:
        return ""
    path = f"{module.path}.{name}" if module.path else name
    if path in structure.modules:
        size = structure.branch_sums[path].elements
        return f"{size:,} parameters" if size else ""
    for parameter in structure.parameters.get(module.path, ()):
        if parameter.name == path:
            return f"({','.join(map(str, parameter.spec.shape))}) parameter"
    return ""


class _ClassSyntax:
    """The syntax of one class: its methods, and the attributes that its lines assign.

    Empty for a class whose source does not parse on its own.
    """

    def __init__(self, code: Code) -> None:
        self._code = code
        self._offset = code.first_line - 1
        self._class: ast.ClassDef | None = None
        self.methods: dict[str, range] = {}
        self.definitions: dict[str, int] = {}
        self.assigned: dict[int, str] = {}
        try:
            body = ast.parse(textwrap.dedent("\n".join(code.lines))).body
        except SyntaxError:
            return
        if not body or not isinstance(body[0], ast.ClassDef):
            return
        self._class = body[0]
        for node in self._functions():
            self.methods[node.name] = self._range(node)
            self.definitions[node.name] = node.lineno + self._offset
        for inner in ast.walk(self._class):
            if isinstance(inner, (ast.Assign, ast.AnnAssign)):
                targets = inner.targets if isinstance(inner, ast.Assign) else [inner.target]
                for target in targets:
                    if isinstance(target, ast.Attribute) and _is_self(target.value):
                        self.assigned[inner.lineno + self._offset] = target.attr

    def returns(self, method: range) -> list[int]:
        """Return the line numbers of the `return` statements of a method."""
        if self._class is None:
            return []
        return [
            node.lineno + self._offset
            for node in ast.walk(self._class)
            if isinstance(node, ast.Return) and node.lineno + self._offset in method
        ]

    def essential(self, executed: set[int]) -> set[int]:
        """Return the lines shown of a long class: its head, constructor, `forward`, and what ran."""
        if self._class is None:
            return executed
        shown = {self._class.lineno + self._offset}
        for node in self._functions():
            lines = self._range(node)
            if node.name in ("__init__", "forward") or not executed.isdisjoint(lines):
                shown |= set(lines) - set(self._docstring(node))
        return shown

    def _functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        for node in self._class.body if self._class else ():
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                yield node

    def _range(self, node: ast.stmt) -> range:
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(each.lineno for each in decorators)])
        return range(first + self._offset, (node.end_lineno or node.lineno) + self._offset + 1)

    def _docstring(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> range:
        statement = node.body[0]
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            return self._range(statement)
        return range(0)


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"
