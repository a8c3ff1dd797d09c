"""Formats of values, source lines, totals and run conditions, shared by all reports."""

from __future__ import annotations

import os.path

from netinspect._utils import units
from netinspect._utils.code_owners import INSTALLED
from netinspect.records.report_header import LayoutShare, ReportHeader, Tie, Totals
from netinspect.records.steps import SourceLine
from netinspect.records.trace import CHANGES, Input
from netinspect.records.values import Layout, Literal, Structure, TensorSpec, Value, tensors_in
from netinspect.rendering.amounts import symbol_notes
from netinspect.rendering.document import Line, line
from netinspect.rendering.styles import StyleName

_MODES = {
    "meta": ", on the meta device",
    "zeros": ", with zero-filled weights",
    "fake": ", on fake tensors",
}
_NAMED = 3
"""Maximum number of names in a note."""

_BRACKETS = {"tuple": "()", "list": "[]", "dict": "{}", "arguments": ("", "")}


def shape(sizes: tuple[int | str, ...]) -> str:
    """Format a shape: `(10, 1, 28, 28)`."""
    return f"({', '.join(map(str, sizes))})"


def tensor(spec: TensorSpec) -> str:
    """Format the shape of a tensor, with its dtype unless that is float32."""
    return shape(spec.shape) + (f" {spec.dtype}" if spec.dtype != "float32" else "")


def value(item: Value | None) -> str:
    """Format a value with its nested structure: `{category: (4, 10), price: (4, 1)}`."""
    if item is None:
        return "-"
    if isinstance(item, TensorSpec):
        return tensor(item)
    if isinstance(item, Literal):
        return item.text
    return _structure(item)


_MOST_TENSORS = 3
"""Maximum number of tensors of an object that are shown in a table."""


def in_table(item: Value | None) -> str:
    """Format a value for a table: of an object with a class of its own, only the tensors."""
    if not isinstance(item, Structure) or item.type in _BRACKETS:
        return value(item)
    shapes = [tensor(spec) for spec in tensors_in(item)]
    more = len(shapes) - _MOST_TENSORS
    return ", ".join(shapes[:_MOST_TENSORS]) + (f", {more} more" if more > 0 else "") or value(item)


_MOST_ENTRIES = 16
"""Maximum size of a container that is shown in full; of a larger one, only `_FIRST_ENTRIES`."""

_FIRST_ENTRIES = 8


def _structure(item: Structure) -> str:
    positions = [str(index) for index in range(len(item.items))]
    named = item.type != "arguments" and (
        item.type == "dict" or [entry.key for entry in item.items] != positions
    )
    shown = item.items if len(item.items) <= _MOST_ENTRIES else item.items[:_FIRST_ENTRIES]
    texts = [f"{entry.key}: {value(entry.value)}" if named else value(entry.value) for entry in shown]
    if len(shown) < len(item.items):
        texts.append(f"… {units.count(len(item.items) - len(shown))} more")
    opening, closing = _BRACKETS.get(item.type, (f"{item.type}(", ")"))
    return f"{opening}{', '.join(texts)}{closing}"


def values(items: tuple[Value, ...]) -> str:
    """Format several arguments."""
    return ", ".join(map(value, items)) if items else "-"


def place(source: SourceLine | None) -> str:
    """Format a source line as `file.py:12`, with a path as short as possible."""
    return "" if source is None else f"{short_path(source.file)}:{source.line}"


def short_path(file: str) -> str:
    """Shorten a path: relative to its package or to the current folder, or to its last two parts."""
    if not os.path.isabs(file):
        return file
    # Paths of installed packages start at the package, wherever the virtual environment is.
    for folder in INSTALLED:
        _, found, inside = file.rpartition(folder)
        if found:
            return inside
    try:
        relative = os.path.relpath(file)
    except (OSError, ValueError):  # the current folder was removed, or is on another drive
        relative = file
    if not relative.startswith(".."):
        return relative
    folder, name = os.path.split(file)
    return os.path.join(os.path.basename(folder), name)


def full_place(source: SourceLine | None) -> str | None:
    """Format a source line with its whole path, for programs."""
    return None if source is None else f"{source.file}:{source.line}"


def title(header: ReportHeader, *, path: str = "") -> Line:
    """Return the title of a report: the class of the model, the module and the target."""
    parts: list[str | tuple[str, StyleName]] = [(header.class_name, "title")]
    if path:
        parts.append((f".{path}", "title"))
    if header.target != header.class_name:
        parts.append((f"  {header.target}", "hint"))
    return line(*parts)


def run_notes(header: ReportHeader, *, with_values: bool = False) -> list[Line]:
    """Return notes on the inputs and mode of the run, on symbols and warnings.

    Args:
        header: The header of the report.
        with_values: Whether the report shows values of tensors, which depend on the tensor mode, as
            shapes and costs do not.
    """
    notes: list[Line] = []
    if header.ran:
        how = f"{mode(header)}{_MODES.get(header.tensor_mode, '') if with_values else ''}"
        notes.append(line((f"input: {chosen_inputs(header.inputs)}; {how}", "hint")))
    notes += symbol_notes(header)
    notes += [line((f"note: {warning}", "warning")) for warning in header.warnings]
    return notes


def mode(header: ReportHeader) -> str:
    """Format the mode of the run, and the method that was run if it is not forward."""
    called = "" if header.call == "forward" else f"; ran {header.call}() instead of forward"
    return f"{header.mode} mode{called}"


def change_notes(header: ReportHeader) -> list[Line]:
    """Return notes on what forward registered or removed, for reports without a run."""
    return [
        line((f"note: {warning}", "warning"))
        for warning in header.warnings
        if warning.startswith(CHANGES)
    ]


def chosen_inputs(inputs: tuple[Input, ...]) -> str:
    """Format inputs and their origin: `x = 1x1x28x28 float32 (the model's own example)`."""
    if not inputs:
        return "none"
    shared = len({entry.origin for entry in inputs}) == 1
    entries = [
        f"{entry.name} = {_sizes_and_dtype(entry.value)}" + ("" if shared else f" ({entry.origin})")
        for entry in inputs
    ]
    return ", ".join(entries) + (f" ({inputs[0].origin})" if shared else "")


def _sizes_and_dtype(item: Value) -> str:
    if isinstance(item, TensorSpec):
        # A symbol may contain the letter x.
        between = "x" if all(isinstance(size, int) for size in item.shape) else " x "
        return f"{between.join(map(str, item.shape)) or 'scalar'} {item.dtype}"
    return value(item)


def total_notes(totals: Totals, ties: tuple[Tie, ...], *, of: str = "") -> list[Line]:
    """Return notes on the totals of a model and on its tied tensors.

    Args:
        totals: Totals of the whole model.
        ties: Ties of the whole model.
        of: Name of the whole model, if only a part of it is shown.
    """
    trainable = (
        "all trainable"
        if totals.trainable == totals.parameters
        else "none trainable"
        if not totals.trainable
        else f"{units.count(totals.trainable)} trainable"
    )
    text = f"{units.plural(totals.parameters, 'parameter')}"
    if totals.parameters:
        text += f", {trainable}, {units.size(totals.bytes)} ({', '.join(totals.dtypes)})"
    if totals.buffers:
        text += f"; {units.count(totals.buffers)} values in buffers, {units.size(totals.buffer_bytes)}"
    notes = [line((f"all of {of}: {text}" if of else text, "total"))]
    notes += [line(_layout_note(each)) for each in totals.layouts]
    if totals.unregistered:
        notes.append(line((_unregistered_note(totals), "warning")))
    for tie in ties:
        names = " = ".join(name or "the model itself" for name in tie.names)
        notes.append(line(f"tied: {names}, {units.plural(tie.elements, 'value')} counted once"))
    return notes


def _unregistered_note(totals: Totals) -> str:
    count, names = len(totals.unregistered), list(totals.unregistered[:_NAMED])
    if count > _NAMED:
        names.append(f"{units.count(count - _NAMED)} more")
    tensors = units.plural(count, "unregistered tensor")
    values = units.plural(totals.unregistered_elements, "value")
    return (
        f"note: {tensors} with requires_grad: {', '.join(names)} ({values}); not in "
        "model.parameters() or state_dict()"
    )


def _layout_note(share: LayoutShare) -> str:
    values = units.plural(share.elements, "value")
    if share.stored is not None:
        values = f"{units.count(share.stored)} of {values} stored"
    tensors = units.plural(share.tensors, "tensor")
    return f"{share.layout}: {tensors}, {values}, {units.size(share.bytes)}"


def layout(found: Layout | None) -> str | None:
    """Format the layout of a tensor: `sparse_coo, 4 stored: indices int64 (2, 4), values float32 (4)`.

    Returns:
        None for a plain strided tensor.
    """
    if found is None:
        return None
    stored = "" if found.stored is None else f", {units.count(found.stored)} stored"
    return f"{found.name}{stored}" + (f": {', '.join(found.inner)}" if found.inner else "")
