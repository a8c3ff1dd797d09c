"""A small example trace: two layers, of which the second fails."""

from __future__ import annotations

from netinspect.records.distribution import Statistics
from netinspect.records.modules import Attribute, Hook, Module
from netinspect.records.steps import Failure, Origin, SourceLine, Step
from netinspect.records.tensors import Buffer, Gradient, Parameter
from netinspect.records.trace import Backward, Code, Input, Trace, Versions
from netinspect.records.values import Item, Literal, Structure, TensorSpec, Value


def tensor(*shape: int | str, dtype: str = "float32") -> TensorSpec:
    elements = 1
    for size in shape:
        elements *= size if isinstance(size, int) else 0
    return TensorSpec(shape=shape, dtype=dtype, device="cpu", bytes=4 * elements)


def module(path: str, class_name: str, *children: str, parameters: tuple[str, ...] = ()) -> Module:
    return Module(
        path=path,
        name=path.rpartition(".")[2],
        class_name=class_name,
        class_path=f"net.{class_name}",
        bases=("Sequential",) if children else (),
        library=not children,
        file="/net.py",
        line=1,
        forward_file="/net.py",
        forward_line=4,
        extra="" if children else "in_features=4",
        training=True,
        parameters=parameters,
        buffers=(),
        children=children,
        empty=("bias",),
        hooks=(Hook(dictionary="_forward_hooks", name="spy", file=None, line=None, flags=("x",)),),
        attributes=(Attribute(name="scale", type="float", text="0.5"),),
    )


def parameter(name: str, *shape: int, identity: int) -> Parameter:
    return Parameter(
        name=name,
        module=name.rpartition(".")[0],
        spec=tensor(*shape),
        trainable=True,
        identity=identity,
        statistics=Statistics(
            mean=float("nan"), std=None, min=float("-inf"), max=1.5, zeros=1, nan=2, inf=3
        ),
        values="tensor([1.])",
        gradient=Gradient(shape=shape, norm=float("inf")),
    )


def arguments(*values: Value) -> Structure:
    items = tuple(Item(key=str(index), value=value) for index, value in enumerate(values))
    return Structure(type="arguments", items=items)


def step(index: int, name: str, path: str, parent: int | None, *, failed: bool = False) -> Step:
    return Step(
        index=index,
        kind="module",
        name=name,
        qualified_name=f"net.{name}",
        module=path,
        parent=parent,
        depth=0 if parent is None else 1,
        call=1,
        inputs=arguments(tensor(2, 4), Literal(type="int", text="3")),
        output=None if failed else tensor("N", 4),
        source=SourceLine(file="/net.py", line=5, function="forward", text="x = self.one(x)"),
        site=None,
        via=(),
        input_origins=(Origin(producers=() if index < 2 else (1,), arguments=("x",) * (index < 2)),),
        failed=failed,
        grad_fn="AddmmBackward0",
    )


def small_trace() -> Trace:
    return Trace(
        target="net.py:Net",
        class_name="Net",
        versions=Versions(netinspect="0.1.0", torch="2.13.0", python="3.11.7"),
        modules=(
            module("", "Net", "one", "two"),
            module("one", "Linear", parameters=("one.weight",)),
            module("two", "Linear", parameters=("two.weight",)),
        ),
        parameters=(
            parameter("one.weight", 4, 4, identity=0),
            parameter("two.weight", 5, 9, identity=1),
        ),
        buffers=(
            Buffer(name="mask", module="", spec=tensor(3, dtype="bool"), persistent=False, identity=2),
        ),
        hook_dictionaries=("_forward_hooks",),
        global_hooks=(),
        ran=True,
        inputs=(Input(name="x", value=tensor(2, 4), spec="x=2x4", origin="given"),),
        example=("x=2x4",),
        steps=(
            step(0, "Net", "", None, failed=True),
            step(1, "Linear", "one", 0),
            step(2, "Linear", "two", 0, failed=True),
        ),
        output=None,
        output_values=None,
        mode="eval",
        tensor_mode="real",
        seed=0,
        failure=Failure(
            step=2,
            module="two",
            type="RuntimeError",
            message="mat1 and mat2 shapes cannot be multiplied (2x4 and 9x5)",
            place=SourceLine(file="/net.py", line=6, function="forward"),
        ),
        backward=Backward(outputs=1, description="sum"),
        code=(Code(class_path="net.Net", file="/net.py", first_line=1, lines=("class Net:", "")),),
        warnings=("größer \x1b[31m",),
    )
