"""Values of evaluated source: plain Python values, and records that represent all others."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from netinspect._utils.evaluation.settings import Settings

PLAIN = (bool, int, float, complex, str, bytes, type(None))


class Unknown:
    """Class of `UNKNOWN`."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()
"""Value that reading does not show."""


@dataclass(slots=True, eq=False, repr=False)
class Scope:
    """Names of a module, function or class body."""

    file: str
    names: dict[str, Any] = field(default_factory=dict)
    outer: Scope | None = None
    returned: list[Any] = field(default_factory=list)
    uncertain: int = 0
    """Number of enclosing branches and loops that may not run."""

    owner: ClassValue | None = None
    """Class of a method."""

    def find(self, name: str) -> Any:
        """Return the value of a name here or in an outer scope; None if it is not bound."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return (scope.names[name],)
            scope = scope.outer
        return None


@dataclass(frozen=True, slots=True)
class Reference:
    """Object of a library or of a module that was not read, by its dotted name."""

    dotted: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FunctionValue:
    """Function of the project."""

    name: str
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope
    owner: ClassValue | None = None


@dataclass(slots=True, eq=False, repr=False)
class ClassValue:
    """Class of the project."""

    name: str
    node: ast.ClassDef
    scope: Scope
    bases: list[Any]
    attributes: dict[str, Any] = field(default_factory=dict)

    def ancestors(self, depth: int = 0) -> Iterator[ClassValue]:
        """Yield the class and its bases in the project."""
        yield self
        for base in self.bases if depth < 10 else ():
            if isinstance(base, ClassValue) and base is not self:
                yield from base.ancestors(depth + 1)

    def library_bases(self) -> list[str]:
        """Return the dotted names of its bases outside the project, direct or indirect."""
        return [
            base.dotted
            for each in self.ancestors()
            for base in each.bases
            if isinstance(base, Reference)
        ]

    def find(self, name: str) -> Any:
        """Return an attribute of the class or of a base; `UNKNOWN` if it has none."""
        return next(
            (each.attributes[name] for each in self.ancestors() if name in each.attributes), UNKNOWN
        )

    @property
    def is_dataclass(self) -> bool:
        """True if its constructor follows from its annotated fields."""
        names = [
            ast.unparse(each.func if isinstance(each, ast.Call) else each)
            for each in self.node.decorator_list
        ]
        return (
            any(name.rpartition(".")[2] == "dataclass" for name in names)
            or bool(
                {"NamedTuple", "BaseModel"} & {base.rpartition(".")[2] for base in self.library_bases()}
            )
        ) and "__init__" not in self.attributes

    @property
    def is_mapping(self) -> bool:
        """True if it derives from a dictionary, as classes named AttrDict do."""
        if any(dict in each.bases for each in self.ancestors()):
            return True
        bases = {base.rpartition(".")[2] for base in self.library_bases()}
        return bool({"Dict", "UserDict", "OrderedDict", "EasyDict", "Namespace"} & bases)


@dataclass(slots=True, eq=False, repr=False)
class InstanceValue:
    """Instance of a class of the project, with the arguments of its constructor."""

    cls: ClassValue
    args: list[Any]
    kwargs: dict[str, Any]
    attributes: dict[str, Any] = field(default_factory=dict)
    line: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class LibraryValue:
    """Result of a call of a library, such as `nn.ReLU()` or `functools.partial(nn.LayerNorm)`."""

    dotted: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Method:
    """Attribute of a value that is called as its method."""

    owner: Any
    name: str
    function: FunctionValue | None = None


@dataclass(slots=True, eq=False, repr=False)
class ModuleValue:
    """Module of the project that was evaluated."""

    scope: Scope


@dataclass(slots=True, eq=False, repr=False)
class ParserValue:
    """Command line parser, with the defaults of its options."""

    defaults: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class FileValue:
    """File that was opened, or its text."""

    path: str


@dataclass(frozen=True, slots=True)
class TensorValue:
    """Tensor that a call of torch makes, such as `torch.randn(8, 3, 32, 32)`."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    low: float | None = None
    high: float | None = None
    values: tuple[float, ...] = ()
    """Exact values in order, repeated from the first; empty for random values."""


def is_known(value: Any, depth: int = 0) -> bool:
    """Return whether a value and its parts are known."""
    if value is UNKNOWN or depth > 20:
        return False
    if isinstance(value, (list, tuple, set)):
        return all(is_known(each, depth + 1) for each in value)
    if isinstance(value, dict):
        return all(is_known(each, depth + 1) for each in value.values())
    return True


def is_plain(value: Any, depth: int = 0) -> bool:
    """Return whether a value consists of plain Python values only."""
    if isinstance(value, (list, tuple, set)):
        return depth < 20 and all(is_plain(each, depth + 1) for each in value)
    if isinstance(value, dict):
        return depth < 20 and all(is_plain(each, depth + 1) for each in value.values())
    return isinstance(value, PLAIN)


def known_settings(value: Mapping[str, Any]) -> Settings:
    """Return the known entries of a dictionary, also as attributes."""
    return Settings({key: each for key, each in value.items() if is_known(each)})
