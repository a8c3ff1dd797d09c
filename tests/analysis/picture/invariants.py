"""Checks of properties of every picture, computed from the trace in another way than the picture."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator
from typing import NamedTuple

from netinspect.analysis.operator_counts import cost_of
from netinspect.analysis.picture.build import picture_of_trace
from netinspect.analysis.picture.layers import project, stubs
from netinspect.analysis.picture.places import Place, all_places, steps_in
from netinspect.records.codec import from_json, to_json
from netinspect.records.picture import OUTSIDE, Picture, Template
from netinspect.records.steps import Origin
from netinspect.records.trace import Trace
from netinspect.records.values import TensorSpec, Value, tensors_in
from netinspect.records.work import sum_of

CallId = Hashable
"""Index of a step; the kind and name of an input, of the output, and of a module without a call."""


def check_picture(trace: Trace) -> None:
    """Check the folded and the unfolded picture of a trace, and that both show the same."""
    again = from_json(Trace, to_json(trace))
    shown = []
    for fold in (True, False):
        picture = picture_of_trace(trace, fold=fold)
        assert picture_of_trace(again, fold=fold) == picture
        assert from_json(Picture, to_json(picture)) == picture
        places = calls_by_id(picture)
        check_calls(trace, places)
        check_costs(trace, picture)
        check_edges(trace, picture, places)
        check_failure(trace, picture)
        for template in picture.templates:
            check_layers(template)
        shown.append({call: _facts(place) for call, place in places.items()})
    assert shown[0] == shown[1]


def calls_by_id(picture: Picture) -> dict[CallId, Place]:
    """Return the box of each call, without groups, chains and chapters; each call must have one box."""
    found: dict[CallId, Place] = {}
    inputs = 0
    for place in all_places(picture):
        kind = place.template.kind
        if kind in ("group", "chain", "chapter"):
            assert place.template.items
            continue
        call: CallId = place.step
        if kind == "input":
            call = (kind, inputs)
            inputs += 1
        elif kind == "output":
            call = (kind,)
        elif not place.template.steps:
            call = (kind, place.path, place.step)
        assert call not in found
        found[call] = place
    return found


def _facts(place: Place) -> tuple[object, ...]:
    """Return what a box shows of its call, with everything in it."""
    own = place.template
    number = place.item.calls[place.occurrence] if place.item and place.item.calls else 1
    facts = (own.kind, own.label, own.facts, own.qualified_name, own.library, own.inputs, own.output)
    costs = (own.steps, own.cost, own.parameters, own.parameter_bytes, own.trainable)
    return (*facts, *costs, own.called, own.failed, own.site, own.defined_at, place.path, number)


def check_calls(trace: Trace, places: dict[CallId, Place]) -> None:
    """Check that each step has one box, in the box of its parent, and what the box shows of it."""
    steps = {call: place for call, place in places.items() if isinstance(call, int)}
    seen: Counter[tuple[int | None, str]] = Counter()
    if not trace.steps:
        called = {path for place in places.values() if (path := place.path) or not place.numbers}
        assert called == {module.path for module in trace.modules}
        return
    assert sorted(steps) == [step.index for step in trace.steps]
    for step in trace.steps:
        place = steps[step.index]
        template = place.template
        assert (template.kind, template.label, place.path) == (step.kind, step.name, step.module)
        assert [each.spec for each in template.output] == [*tensors_in(step.output)]
        assert template.failed or not step.failed
        if step.kind == "module" and place.item is not None:
            calls = place.item.calls or (1,) * place.item.count
            seen[step.parent, step.module] += 1
            assert calls[place.occurrence] == seen[step.parent, step.module]
        if step.parent is not None:
            above = steps[step.parent].numbers
            assert place.numbers[: len(above)] == above


def check_costs(trace: Trace, picture: Picture) -> None:
    """Check that the cost of each box is that of all steps in it."""
    for place in all_places(picture):
        template = place.template
        inside = [picture.templates[item.template] for item in template.items for _ in item.names]
        assert template.steps - sum(each.steps for each in inside) in (0, 1)
        if not template.steps:
            continue
        if trace.counted == "no":
            assert template.cost is None
            continue
        steps = [trace.steps[index] for index in steps_in(picture, place)]
        assert template.cost == sum_of(cost_of(step.work) for step in steps)


class _Read(NamedTuple):
    reader: CallId
    sources: tuple[CallId, ...]
    spec: TensorSpec
    in_object: bool


def _reads(trace: Trace) -> Iterator[_Read]:
    """Yield the tensors that calls read."""
    names = [given.name for given in trace.inputs if any(True for _ in tensors_in(given.value))]

    def read(reader: CallId, origins: tuple[Origin, ...], value: Value | None) -> Iterator[_Read]:
        for origin, spec in zip(origins, tensors_in(value), strict=False):
            for name in origin.arguments:
                if name not in names:
                    names.append(name)
            sources = (*origin.producers, *(("input", names.index(name)) for name in origin.arguments))
            yield _Read(reader, sources, spec, origin.in_object)

    root = next((step for step in trace.steps if step.kind == "module"), None)
    for step in trace.steps:
        if step is not root:
            yield from read(step.index, step.input_origins, step.inputs)
    yield from read(("output",), trace.output_origins, trace.output)


class _Expected(NamedTuple):
    tensors: dict[tuple[tuple[CallId, ...], tuple[int | str, ...]], int]
    in_object: list[bool]


def check_edges(trace: Trace, picture: Picture, places: dict[CallId, Place]) -> None:
    """Check that the edges of each body are the origins of all tensors, projected to its boxes."""
    bodies: dict[tuple[int, ...], dict[tuple[int, int], _Expected]] = defaultdict(
        lambda: defaultdict(lambda: _Expected({}, []))
    )
    for read in _reads(trace):
        target = places[read.reader].numbers
        for call in read.sources:
            source = places[call].numbers
            for body in {each[:depth] for each in (source, target) for depth in range(len(each))}:
                ends = tuple(
                    each[len(body)] if each[: len(body)] == body and len(each) > len(body) else OUTSIDE
                    for each in (source, target)
                )
                if ends[0] == ends[1] or (read.in_object and OUTSIDE in ends):
                    continue
                expected = bodies[body][ends[0], ends[1]]
                expected.tensors[read.sources, read.spec.shape] = read.spec.bytes
                expected.in_object.append(read.in_object)
    for place in all_places(picture):
        expected_edges = bodies.pop(place.numbers, {})
        edges = place.template.edges
        assert [(edge.source, edge.target) for edge in edges] == sorted(expected_edges)
        for edge in edges:
            expected = expected_edges[edge.source, edge.target]
            assert edge.in_object == all(expected.in_object)
            if not any(expected.in_object):
                assert set(edge.shapes) == {shape for _, shape in expected.tensors}
                assert edge.bytes == sum(expected.tensors.values())
    assert not bodies


def check_failure(trace: Trace, picture: Picture) -> None:
    """Check that the path to the failure leads to the call that raised."""
    failed = [step for step in trace.steps if step.failed]
    at = picture.templates[picture.root]
    assert at.failed == bool(failed)
    for number in picture.failed_path:
        at = picture.templates[[item.template for item in at.items for _ in item.names][number]]
        assert at.failed
    place = next(each for each in all_places(picture) if each.numbers == picture.failed_path)
    failure = trace.failure
    if failure is not None and failure.step is not None and failure.phase == "forward":
        # The step that raised may have caught an exception of a call in it, and raised its own.
        assert failure.step in (place.step, trace.steps[place.step].parent)


def check_layers(template: Template) -> None:
    """Check that rows have each item once, grow along edges, and let all long edges pass."""
    items = template.items
    ranks = {node: rank for rank, row in enumerate(template.layers) for node in row if node >= 0}
    shown = [node for row in template.layers for node in row]
    assert sorted(node for node in shown if node >= 0) == [*range(len(items))]
    assert all(len(row) == len(set(row)) > 0 for row in template.layers)
    projected = project(template.edges, items)
    passed = set()
    for source, target in projected.keys() - stubs(projected):
        start = ranks.get(source, -1)
        end = ranks[target] if target != OUTSIDE else len(template.layers)
        assert start < end
        dummy = -1 - (source if source != OUTSIDE else len(items))
        passed |= {(rank, dummy) for rank in range(start + 1, end)}
    dummies = {(rank, node) for rank, row in enumerate(template.layers) for node in row if node < 0}
    assert dummies == passed
