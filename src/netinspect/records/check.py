"""Consistency checks of a trace: every path, name and index refers to an existing part.

A captured trace is always consistent, but a saved one may have been edited, and reports rely on it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from netinspect.records.base import field_names
from netinspect.records.codec import CodecError
from netinspect.records.polynomial import Polynomial
from netinspect.records.steps import Origin
from netinspect.records.trace import Trace
from netinspect.records.values import Structure, Value, tensors_in
from netinspect.records.work import WorkExpressions

_DEEPEST = 100
"""Maximum depth of nested values; reports walk them recursively."""


def check_references(trace: Trace) -> None:
    """Check that every path, name and index in a trace refers to an existing part.

    Raises:
        CodecError: One does not; the message has the path of the faulty entry.
    """
    _check_modules(trace)
    _check_steps(trace)
    _check_expressions(trace)
    _check_depth("Trace.output", trace.output)
    for index, each in enumerate(trace.inputs):
        _check_depth(f"Trace.inputs[{index}].value", each.value)
    _check_origins(trace)
    failed = trace.failure.step if trace.failure is not None else None
    if failed is not None and not 0 <= failed < len(trace.steps):
        raise CodecError(f"Trace.failure.step: there is no {failed}")


def _check_modules(trace: Trace) -> None:
    if not trace.modules or trace.modules[0].path:
        raise CodecError("Trace.modules: the first is not the root")
    positions: dict[str, int] = {}
    for index, module in enumerate(trace.modules):
        if positions.setdefault(module.path, index) != index:
            raise CodecError(f"Trace.modules[{index}].path: there are two of {module.path!r}")
    parameters = {(entry.module, entry.name) for entry in trace.parameters}
    buffers = {(entry.module, entry.name) for entry in trace.buffers}
    for index, module in enumerate(trace.modules):
        spot = f"Trace.modules[{index}]"
        for field, names, held in (
            ("parameters", module.parameters, parameters),
            ("buffers", module.buffers, buffers),
        ):
            for name in names:
                if (module.path, name) not in held:
                    raise CodecError(f"{spot}.{field}: it does not have {name!r}")
        if module.alias_of is not None:
            # Its children are reported only at its first path.
            _check_known(f"{spot}.alias_of", (module.alias_of,), positions)
            continue
        _check_known(f"{spot}.children", module.children, positions)
        for child in module.children:
            # A cycle would make traversals endless.
            if positions[child] <= index:
                raise CodecError(f"{spot}.children: {child!r} does not come after it")


def _check_steps(trace: Trace) -> None:
    paths = {module.path for module in trace.modules}
    for index, step in enumerate(trace.steps):
        spot = f"Trace.steps[{index}]"
        if step.index != index:
            raise CodecError(f"{spot}.index: expected {index}, got {step.index}")
        _check_known(f"{spot}.module", (step.module,), paths)
        if step.parent is not None and not 0 <= step.parent < index:
            raise CodecError(f"{spot}.parent: {step.parent} is not an earlier step")
        depth = 0 if step.parent is None else trace.steps[step.parent].depth + 1
        if step.depth != depth:
            raise CodecError(f"{spot}.depth: expected {depth}, got {step.depth}")
        _check_depth(f"{spot}.inputs", step.inputs)
        _check_depth(f"{spot}.output", step.output)


def _check_depth(spot: str, value: Value | None) -> None:
    depth, values = 0, [value]
    while values := [
        item.value for each in values if isinstance(each, Structure) for item in each.items
    ]:
        depth += 1
        if depth > _DEEPEST:
            raise CodecError(f"{spot}: its entries are nested too deeply")


def _check_origins(trace: Trace) -> None:
    names = {each.name for each in trace.parameters} | {each.name for each in trace.buffers}
    inputs = {entry.name for entry in trace.inputs}
    prefixes = tuple(f"{name}." for name in inputs)  # of the entries of a dictionary

    def check(spot: str, value: Value | None, origins: Sequence[Origin], index: int) -> None:
        expected = sum(1 for _ in tensors_in(value))
        if len(origins) != expected:
            raise CodecError(
                f"{spot}: expected length {expected}, the number of tensors, got {len(origins)}"
            )
        for position, origin in enumerate(origins):
            for producer in origin.producers:
                if not 0 <= producer < index:
                    raise CodecError(f"{spot}[{position}].producers: {producer} is not an earlier step")
            for name in origin.arguments:
                if name not in inputs and not name.startswith(prefixes):
                    raise CodecError(f"{spot}[{position}].arguments: there is no {name!r}")
            for name in origin.parameters:
                if name not in names:
                    raise CodecError(f"{spot}[{position}].parameters: there is no {name!r}")

    for index, step in enumerate(trace.steps):
        check(f"Trace.steps[{index}].input_origins", step.inputs, step.input_origins, index)
    check("Trace.output_origins", trace.output, trace.output_origins, len(trace.steps))


def _check_expressions(trace: Trace) -> None:
    symbols = tuple(each.symbol for each in trace.symbolic.symbols) if trace.symbolic else ()
    spots = [(f"Trace.steps[{step.index}].work", step.work) for step in trace.steps]
    if trace.backward is not None:
        spots.append(("Trace.backward.work", trace.backward.work))
    for spot, works in spots:
        for work in works:
            expressions = work.expressions
            for name in () if expressions is None else field_names(WorkExpressions):
                each: Polynomial | None = getattr(expressions, name)
                if each is None:
                    continue
                whole = all(len(term.powers) == len(symbols) for term in each.terms)
                if each.symbols != symbols or each.divisor < 1 or not whole:
                    raise CodecError(
                        f"{spot}.expressions.{name}: it does not use the symbols of the trace"
                    )


def _check_known(spot: str, names: Iterable[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise CodecError(f"{spot}: there is no {name!r}")
