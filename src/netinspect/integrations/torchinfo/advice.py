"""Advice in the arguments of torchinfo's `summary`.

Sizes are given there by position only and have no ranges; arguments that `summary` does not have go to
forward. So a hint on one input becomes the sizes or dtypes of all inputs, or tensors.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from netinspect.advice import Signature
from netinspect.records.trace import Input
from netinspect.records.values import TensorSpec

_SPEC = re.compile(
    r"(?:(?P<name>[A-Za-z_]\w*)=)?(?P<sizes>\d+(?:x\d+)*|scalar)(?::(?P<dtype>[a-z]+\d+|bool))?"
    r"(?::(?P<low>-?\d+)\.\.(?P<high>-?\d+))?"
)

_OPTIONS = {
    "--input": "input_size", "--inputs-from": "input_data", "--input-file": "input_data",
    "--batch": "input_size", "--device": "device", "--depth": "depth", "--columns": "col_names",
}  # fmt: skip

_FLAGS = {"--train": "mode='train'", "--explain-input": "error.statistics.trace.attempts"}


class _Tensor(NamedTuple):
    """A tensor that `summary` can be given."""

    shape: tuple[int, ...]
    dtype: str
    limits: tuple[int, int] | None = None

    def expression(self) -> str:
        """Return Python code that makes such a tensor."""
        sizes = ", ".join(map(str, self.shape)) if self.shape else "()"
        if self.dtype == "bool" or (self.limits is None and "int" in self.dtype):
            return f"torch.zeros({sizes}, dtype=torch.{self.dtype})"
        if self.limits is not None and "int" in self.dtype:
            dtype = "" if self.dtype == "int64" else f", dtype=torch.{self.dtype}"
            return f"torch.randint({self.limits[0]}, {self.limits[1] + 1}, {self.shape}{dtype})"
        dtype = "" if self.dtype == "float32" else f", dtype=torch.{self.dtype}"
        return f"torch.rand({sizes}{dtype})"


@dataclass(frozen=True, slots=True)
class InputAdvice:
    """Inputs of a call of `summary`, and how hints on them are formatted."""

    inputs: Sequence[Input] = ()
    """Arguments of forward in the call that failed."""

    keywords: Collection[str] = ()
    """The names of those that were given by keyword, next to `input_size` or `input_data`."""

    from_sizes: bool = False
    """Whether `input_size` was given, not `input_data`."""

    batch_dim: int | None = None

    @property
    def signature(self) -> Signature:
        """The arguments of `summary`."""
        values = {
            "--input": self._inputs,
            "--batch": self._batch,
            "--inputs-from": lambda _: "input_data",
            "--input-file": lambda _: "input_data",
        }
        return Signature(_OPTIONS, _FLAGS, values)

    def _inputs(self, specs: Sequence[str]) -> str:
        """Format input specs: as sizes, as dtypes, as tensors, or as keyword arguments of forward."""
        positional = [each for each in self.inputs if each.name not in self.keywords]
        current = {each.name: _tensor_of(each) for each in positional}
        changed: dict[str, _Tensor] = {}
        named = []
        for number, text in enumerate(specs):
            match = _SPEC.fullmatch(text)
            name = text.partition("=")[0] if match is None else match["name"]
            if match is None and text == "NAME=SIZES":
                return "input_data={'NAME': TENSOR}"
            if match is None:
                named.append(_as_keyword(text))
            elif name is None and number < len(positional):
                name = positional[number].name
                changed[name] = _parse(match, current[name])
            elif name in current:
                changed[name] = _parse(match, current[name])
            elif name is None:
                changed[str(number)] = _parse(match, None)
            else:
                named.append(f"{name}={_parse(match, None).expression()}")
        return ", ".join([*self._changed(current, changed), *named])

    def _batch(self, values: Sequence[str]) -> str:
        size = int(values[0])
        tensors = {each.name: _tensor_of(each) for each in self.inputs}
        changed = {
            name: tensor._replace(shape=(size, *tensor.shape[1:]))
            for name, tensor in tensors.items()
            if name not in self.keywords and tensor is not None and tensor.shape
        }
        current = {name: tensor for name, tensor in tensors.items() if name not in self.keywords}
        return ", ".join(self._changed(current, changed)) or f"a batch of {size}"

    def _changed(self, current: dict[str, _Tensor | None], changed: dict[str, _Tensor]) -> list[str]:
        """Return the arguments that give all inputs, some of them changed."""
        if not changed:
            return []
        whole = {name: changed.get(name, tensor) for name, tensor in {**current, **changed}.items()}
        wanted = {name: tensor for name, tensor in whole.items() if tensor is not None}
        if len(wanted) < len(whole):
            made = ", ".join(f"{name}={each.expression()}" for name, each in changed.items())
            return [f"input_data with {made}"]
        if self.from_sizes or not current:
            arguments = [*self._sizes(current, wanted)]
            if arguments:
                return arguments
        if len(wanted) == 1:
            return [f"input_data={next(iter(wanted.values())).expression()}"]
        made = ", ".join(f"{name!r}: {each.expression()}" for name, each in wanted.items())
        return [f"input_data={{{made}}}"]

    def _sizes(self, current: dict[str, _Tensor | None], wanted: dict[str, _Tensor]) -> list[str]:
        """Return sizes and dtypes as far as they change; nothing if only values do."""
        before = [None if each is None else each.shape for each in current.values()]
        shapes = [each.shape for each in wanted.values()]
        arguments = []
        if shapes != before:
            arguments.append(f"input_size={shapes[0] if len(shapes) == 1 else shapes}")
            if self.batch_dim is not None:
                arguments.append("batch_dim=None")
        dtypes = [each.dtype for each in wanted.values()]
        if dtypes != [None if each is None else each.dtype for each in current.values()]:
            arguments.append(f"dtypes=[{', '.join(f'torch.{each}' for each in dtypes)}]")
        return arguments


def _tensor_of(given: Input) -> _Tensor | None:
    """Return an input as a tensor that can be made; None if it is something else."""
    value, match = given.value, _SPEC.fullmatch(given.spec)
    if not isinstance(value, TensorSpec) or match is None:
        return None
    return _parse(match, _Tensor((), value.dtype))


def _parse(match: re.Match[str], current: _Tensor | None) -> _Tensor:
    sizes = match["sizes"]
    shape = () if sizes == "scalar" else tuple(map(int, sizes.split("x")))
    limits = None if match["low"] is None else (int(match["low"]), int(match["high"]))
    dtype = match["dtype"] or ("float32" if current is None else current.dtype)
    return _Tensor(shape, dtype, limits)


def _as_keyword(text: str) -> str:
    """Format a spec without a known shape as a keyword argument of forward."""
    name, _, value = text.partition("=")
    return f"{name}={value if value in ('True', 'False', 'None') else 'TENSOR'}"
