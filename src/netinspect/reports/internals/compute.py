"""Computation of the `internals` report: the dictionaries of one `nn.Module` and its call order."""

from __future__ import annotations

from collections.abc import Iterator

from netinspect.analysis.header import build_header
from netinspect.analysis.module_index import Structure
from netinspect.analysis.module_repeats import find_repeats
from netinspect.records.modules import Hook, Module
from netinspect.records.tensors import Buffer, Parameter
from netinspect.records.trace import Trace
from netinspect.reports.internals.record import CallStage, Dictionary, DictionaryEntry, Internals

# The dictionaries that `_call_impl` reads around forward, global hooks first. The record omits
# dictionaries that the installed torch lacks, and includes any that are missing here.
_BEFORE = (
    ("pre-hook", "_global_forward_pre_hooks"),
    ("pre-hook", "_forward_pre_hooks"),
)
_AFTER = (
    ("hook", "_global_forward_hooks"),
    ("hook", "_forward_hooks"),
)
_BACKWARD = (
    ("backward pre-hook", "_global_backward_pre_hooks"),
    ("backward pre-hook", "_backward_pre_hooks"),
    ("backward hook", "_global_backward_hooks"),
    ("backward hook", "_backward_hooks"),
)


def build_internals(trace: Trace, *, path: str = "") -> Internals:
    """Build the report of one module of a trace.

    Raises:
        UsageError: No module has this path.
    """
    structure = Structure(trace)
    module = structure.find(path)
    return Internals(
        header=build_header(trace),
        path=module.path,
        class_name=module.class_name,
        class_path=module.class_path,
        bases=module.bases,
        training=module.training,
        dictionaries=tuple(_dictionaries(structure, module)),
        hooks=module.hooks,
        attributes=module.attributes,
        call_order=tuple(_call_order(trace, module)),
    )


def _dictionaries(structure: Structure, module: Module) -> Iterator[Dictionary]:
    trace = structure.trace
    parameters = {entry.name: entry for entry in structure.parameters.get(module.path, ())}
    buffers = {entry.name: entry for entry in structure.buffers.get(module.path, ())}
    yield Dictionary(
        name="_parameters",
        entries=tuple(
            DictionaryEntry(key=name.rpartition(".")[2], text=_parameter(parameters[name]))
            for name in module.parameters
        ),
    )
    yield Dictionary(
        name="_buffers",
        entries=tuple(
            DictionaryEntry(key=name.rpartition(".")[2], text=_buffer(buffers[name]))
            for name in module.buffers
        ),
    )
    # The children of a module with two paths are recorded under the first path.
    first = module if module.alias_of is None else structure.modules[module.alias_of]
    yield Dictionary(
        name="_modules",
        entries=tuple(
            DictionaryEntry(
                key=child.name,
                text=f"{child.class_name}({child.extra})",
                repeat_of=structure.modules[run[0]].name if index else None,
            )
            for run in find_repeats(structure, first.path, calls=False).runs(first.path)
            for index, child in enumerate(structure.modules[path] for path in run)
        ),
    )
    if module.empty:
        yield Dictionary(
            name="registered as None",
            entries=tuple(DictionaryEntry(key=name, text="None") for name in module.empty),
        )
    yield Dictionary(
        name="_non_persistent_buffers_set",
        entries=tuple(
            DictionaryEntry(key=entry.name.rpartition(".")[2], text="not in the state_dict")
            for entry in buffers.values()
            if not entry.persistent
        ),
    )
    for dictionary in trace.hook_dictionaries:
        yield Dictionary(
            name=dictionary,
            entries=tuple(
                DictionaryEntry(key=hook.name, text=_place(hook), library=hook.library)
                for hook in module.hooks
                if hook.dictionary == dictionary or dictionary in hook.flags
            ),
        )


def _call_order(trace: Trace, module: Module) -> Iterator[CallStage]:
    hooks = (*trace.global_hooks, *module.hooks)

    def stages(kinds: tuple[tuple[str, str], ...]) -> Iterator[CallStage]:
        for stage, dictionary in kinds:
            for hook in hooks:
                if hook.dictionary == dictionary:
                    yield CallStage(
                        stage=stage,
                        name=hook.name,
                        defined_at=_place(hook) or None,
                        library=hook.library,
                    )

    yield from stages(_BEFORE)
    place = f"{module.forward_file}:{module.forward_line}" if module.forward_file else None
    yield CallStage(stage="forward", name=f"{module.class_name}.forward", defined_at=place)
    yield from stages(_AFTER)
    yield from stages(_BACKWARD)


def _place(hook: Hook) -> str:
    return f"{hook.file}:{hook.line}" if hook.file else ""


def _sizes(shape: tuple[int | str, ...]) -> str:
    return f"({', '.join(map(str, shape))})"


def _parameter(entry: Parameter) -> str:
    state = "requires_grad" if entry.trainable else "frozen"
    return f"{_sizes(entry.spec.shape)} {entry.spec.dtype} {state}"


def _buffer(entry: Buffer) -> str:
    state = "persistent" if entry.persistent else "not persistent"
    return f"{_sizes(entry.spec.shape)} {entry.spec.dtype} {state}"
