"""Extraction of named tensors, plain values and modules from an unpickled object.

The traversal is iterative, visits each container once and limits the total length of names, because a
file of a few bytes can have 2**99 paths or a list that contains itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Literal, NamedTuple

from netinspect.checkpoints.pickle.arrays import objects_of, scalar_of
from netinspect.checkpoints.pickle.classes import (
    class_of,
    class_path,
    dict_entries,
    is_machinery,
    is_plain,
    module_state,
    registered,
    state_entries,
    versions_of,
)
from netinspect.checkpoints.pickle.format_object import format_key, format_object
from netinspect.checkpoints.pickle.objects import Called, Members, Named, Persistent, SkippedValue
from netinspect.checkpoints.pickle.stream import PickleError
from netinspect.checkpoints.pickle.tensor_facts import Tensor
from netinspect.checkpoints.pickle.tensors import Tensors
from netinspect.records.checkpoint import Entry, ModuleVersion, StoredModule, StoredSection

DEEPEST = 1000
MOST_ENTRIES = 1000
_MOST_CONTAINERS = 300_000
_MOST_STEPS = 2_000_000
_MOST_TEXT = 48 << 20
"""Maximum number of characters of all names of a file."""

_ROOM = 150
"""Cost of a tensor in addition to the characters of its name."""

_MOST_REPEATS = 10_000
_LONGEST_TEXT = 2000
_MOST_LAYERS = 8
_MOST_ARGUMENTS = 1000
_FEW = 16

_GONE_THROUGH = frozenset((Called, Persistent, dict, list, tuple, Members))

Kind = Literal["parameter", "buffer", "tensor"]
Kinds = Mapping[str, Mapping[str, Kind]]
"""For each class, the kinds of its attributes."""


class Found(NamedTuple):
    """Tensor with one of its names."""

    name: str
    section: str
    tensor: Tensor
    kind: Kind


class _Item(NamedTuple):
    """Item of a container."""

    part: str
    """Part of its name after that of the container; may be empty."""

    value: Any
    kind: Kind = "tensor"
    is_child: bool = False
    """True if it is registered as a child module."""

    key: int | str | None = None
    """Key or index in the container; None for attributes and other keys."""


class _Frame(NamedTuple):
    """Container that is being visited."""

    items: Iterator[_Item]
    name: str
    section: str
    module: Called | None = None
    """The module that contains the container, or the container itself if it is a module."""


class TensorExtractor:
    """Traversal of one object that collects its tensors, values and modules."""

    def __init__(self, tensors: Tensors, *, kinds: Kinds | None = None, layers: int = 0) -> None:
        """Create a traversal.

        Args:
            tensors: Builds the tensors.
            kinds: For TorchScript, the kinds of the attributes of each class.
            layers: Nesting depth of tensors that are made of tensors.
        """
        self.found: list[Found] = []
        self.entries: list[Entry] = []
        self.modules: list[StoredModule] = []
        self.versions: list[ModuleVersion] = []
        self.sections: list[StoredSection] = []
        self.left_out = 0
        """Number of plain values that were omitted because of the limit."""

        self._tensors = tensors
        self._kinds = kinds
        self._layers = layers
        self._text = _MOST_TEXT
        self._repeats = _MOST_REPEATS
        self._steps = _MOST_STEPS
        self._seen: dict[int, str] = {}
        self._frames: list[_Frame] = []
        self._keys: dict[str, tuple[int | str, ...] | None] = {}

    def go(self, value: Any, name: str = "") -> None:
        """Visit an object and everything in it.

        Raises:
            PickleError: The object describes an impossible tensor, or is nested too deeply.
        """
        frames = self._frames
        self._keys[name] = tuple(name.split(".")) if name else ()
        frames.append(_Frame(iter((_Item("", value),)), name, name))
        while frames:
            frame = frames[-1]
            for item in frame.items:
                self._count(1)
                if self._visit(frame, item):
                    if len(frames) > DEEPEST:
                        raise PickleError(f"its objects are nested more than {DEEPEST:,} deep")
                    break
            else:
                frames.pop()

    def _visit(self, frame: _Frame, item: _Item) -> bool:
        """Record an item; return whether it was pushed as the next container to visit."""
        value = item.value
        kind = type(value)
        is_leaf = kind not in _GONE_THROUGH
        if is_leaf and len(self.entries) >= MOST_ENTRIES:
            self.left_out += 1
            return False
        name = frame.name
        if item.part:
            name = f"{name}.{item.part}" if name else item.part
            self._spend(len(name))
        if is_leaf:
            self._leaf(name, value)
            return False
        if kind is Called:
            tensor = self._rebuilt(name, value)
            if tensor is not None:
                return self._tensor(frame, name, item, tensor)
            self._locate(frame, name, item)
            state = module_state(value, scripted=self._kinds is not None)
            if state is not None:
                return self._module(frame, name, item, state)
        elif kind is Persistent:
            self._persistent(frame, name, item.kind, value)
            return False
        else:
            self._locate(frame, name, item)
        return self._is_new(name, value) and self._container(frame, name, value)

    def _locate(self, frame: _Frame, name: str, item: _Item) -> None:
        """Record the keys that lead to a container, if its name does not consist of them."""
        if not item.part or name in self._keys:
            return
        outer = self._keys.get(frame.name)
        keys = None if outer is None or item.key is None else (*outer, item.key)
        self._keys[name] = keys
        if keys != tuple(name.split(".")):
            self.sections.append(StoredSection(section=name, keys=keys or ()))

    def _count(self, steps: int) -> None:
        """Count visited items, because shared containers are visited once for each object."""
        self._steps -= steps
        if self._steps < 0:
            raise PickleError(f"there are more than {_MOST_STEPS:,} values in it")

    def _spend(self, length: int) -> None:
        """Charge for a name, so that a file cannot have an unlimited number of long names."""
        self._text -= length
        if self._text < 0:
            raise PickleError(f"the names in it have more than {_MOST_TEXT:,} characters")

    def _is_new(self, name: str, value: Any) -> bool:
        """Record a container; one that was already visited is only listed as a reference."""
        before = self._seen.get(id(value))
        if before is not None:
            self._entry(name, "reference", f"the same object as {before or 'the whole'}")
            return False
        if len(self._seen) >= _MOST_CONTAINERS:
            raise PickleError(f"there are more than {_MOST_CONTAINERS:,} containers in it")
        self._seen[id(value)] = name
        return True

    def _container(self, frame: _Frame, name: str, value: Any) -> bool:
        if isinstance(value, dict):
            return self._keyed(frame, name, value)
        if isinstance(value, Called):
            return self._object(frame, name, value)
        items = value.values if isinstance(value, Members) else value
        if is_plain(value):
            self._entry(name, _type(value), format_object(items))
            return False
        inner = (_Item(str(index), each, key=index) for index, each in enumerate(items))
        return self._enter(inner, name, frame.section, frame.module)

    def _keyed(self, frame: _Frame, name: str, entries: dict[Any, Any]) -> bool:
        if not entries:
            self._entry(name, "dict", "{}")
        return self._enter(_items(entries), name, frame.section if frame.module else name, frame.module)

    def _object(self, frame: _Frame, name: str, value: Called) -> bool:
        """Visit the constructor arguments and the state of an object of another class."""
        self._count(sum(map(_size, (*value.arguments[:_FEW], value.state))))
        entries = dict_entries(value)
        if entries is not None:
            versions = versions_of(value)
            self._count(len(versions))
            self.versions += [
                ModuleVersion(section=name, path=path, version=version) for path, version in versions
            ]
            return self._keyed(frame, name, entries)
        number = scalar_of(value)
        if number is not None:
            self._entry(name, *number)
            return False
        objects = objects_of(value)
        if objects is not None:
            shape, items = objects
            self._entry(name, "array of objects", shape)
            numbered = (_Item(str(index), each) for index, each in enumerate(items))
            return self._enter(numbered, name, frame.section, frame.module)
        self._entry(name, class_path(value), format_object(value.arguments) if value.arguments else "")
        inner = chain(
            (_Item("", each) for each in value.arguments[:_MOST_ARGUMENTS] if _has_more(each)),
            (_Item(part, each) for part, each in state_entries(value.state)),
            _items(value.entries or {}),
            (_Item(str(index), each) for index, each in enumerate(value.items or ())),
        )
        return self._enter(inner, name, frame.section if frame.module else name, frame.module)

    def _enter(
        self, items: Iterable[_Item], name: str, section: str, module: Called | None = None
    ) -> bool:
        self._frames.append(_Frame(iter(items), name, section, module))
        return True

    def _module(self, frame: _Frame, name: str, item: _Item, state: dict[Any, Any]) -> bool:
        """Visit a pickled module: tensors, named as in `state_dict`, and other attributes."""
        value: Called = item.value
        if not self._may_enter(name, item):
            return False
        training = state.get("training")
        self.modules.append(
            StoredModule(
                path=name,
                class_path=class_path(value),
                training=training if type(training) is bool else None,
            )
        )
        self._count(len(state) + sum(map(_size, state.values())))
        section = frame.section if frame.module else name
        if self._kinds is not None:
            named = class_of(value)
            kinds = self._kinds.get(named.path, {}) if named is not None else {}
            inner: Iterable[_Item] = (
                _Item(part, each, kinds.get(part, "tensor"), is_child=True)
                for part, each, *_ in _items(state)
                if part != "training" and each is not None
            )
            return self._enter(inner, name, section, value)
        inner = chain(
            (_Item(part, each, "parameter") for part, each in registered(state, "_parameters")),
            (_Item(part, each, "buffer") for part, each in registered(state, "_buffers")),
            (_Item(part, each, is_child=True) for part, each in registered(state, "_modules")),
            (_Item(format_key(key), each) for key, each in state.items() if not is_machinery(key, each)),
        )
        return self._enter(inner, name, section, value)

    def _may_enter(self, name: str, item: _Item) -> bool:
        """Return whether to enter a module, also a second time unless it contains itself."""
        value = item.value
        if id(value) not in self._seen:
            return self._is_new(name, value)
        if (
            item.is_child
            and self._repeats > 0
            and all(each.module is not value for each in self._frames)
        ):
            self._repeats -= 1
            return True
        return self._is_new(name, value)

    def _rebuilt(self, name: str, value: Called) -> Tensor | None:
        try:
            return self._tensors.of(value)
        except PickleError as error:
            raise PickleError(f"{name or 'its object'}: {error}") from None

    def _tensor(self, frame: _Frame, name: str, item: _Item, tensor: Tensor) -> bool:
        self._spend(_ROOM)
        if tensor.wraps:
            tensor = self._unwrap(tensor)
        self.found.append(
            Found(name, frame.section, tensor, tensor.kind if item.kind == "tensor" else item.kind)
        )
        for type_name, text in tensor.notes:
            self._entry(name, type_name, text)
        if tensor.wraps or not tensor.state:
            return False
        if not self._is_new(name, tensor.state):
            return False
        attributes = [_Item(*pair) for pair in state_entries(tensor.state) if pair[1] is not None]
        return self._enter(attributes, name, frame.section, frame.module)

    def _unwrap(self, tensor: Tensor) -> Tensor:
        """Add to a tensor made of other tensors their bytes and notes."""
        if self._layers >= _MOST_LAYERS:
            raise PickleError("tensors are made of tensors too often")
        inner = TensorExtractor(self._tensors, layers=self._layers + 1)
        inner._steps = self._steps - _size(tensor.state)
        inner.go(dict(state_entries(tensor.state)))
        # Tensors at a greater depth belong to the description, such as the mesh of a DTensor.
        held = [each for each in inner.found if not each.section]
        self._steps = inner._steps - len(inner.found)
        if not held:
            return tensor
        made = tensor.copy()
        made.made_of(each.tensor for each in held)
        made.stored = any(each.tensor.stored for each in held)
        if len(held) == 1 and (held[0].tensor.shape, held[0].tensor.dtype) == (made.shape, made.dtype):
            whole = held[0].tensor
            made.storage, made.shift, made.stride = whole.storage, whole.shift, whole.stride
        for each in held[:_MOST_LAYERS]:
            sizes = format_object(each.tensor.shape, 60)
            made.notes.append(("made of", f"{each.name} {each.tensor.dtype} {sizes}"))
        return made

    def _persistent(self, frame: _Frame, name: str, kind: Kind, value: Persistent) -> None:
        tensor = self._tensors.persistent(value)
        if tensor is None:
            self._entry(name, "persistent", format_object(value.key))
        else:
            self._spend(_ROOM)
            self.found.append(Found(name, frame.section, tensor, kind))

    def _leaf(self, name: str, value: Any) -> None:
        if isinstance(value, str):
            self._entry(name, "str", value[:_LONGEST_TEXT])
        elif isinstance(value, Named):
            self._entry(name, "dtype" if value.module == "torch" else "name", value.path)
        else:
            self._entry(name, _type(value), format_object(value))

    def _entry(self, name: str, type_name: str, text: str) -> None:
        if len(self.entries) >= MOST_ENTRIES:
            self.left_out += 1
            return
        self.entries.append(Entry(name=name, type=type_name, text=text))


def _size(value: Any) -> int:
    """Return the number of steps to visit a container or a pickled dict subclass."""
    if isinstance(value, Called):
        return len(value.entries or ())
    if isinstance(value, tuple) and len(value) <= _FEW:
        return sum(len(each) for each in value if isinstance(each, dict | list))
    return len(value) if isinstance(value, dict | list | tuple) else 0


def _items(entries: dict[Any, Any]) -> Iterator[_Item]:
    return (
        _Item(format_key(key), each, key=key if type(key) in (int, str) else None)
        for key, each in entries.items()
    )


def _has_more(value: Any) -> bool:
    if isinstance(value, list | tuple) and len(value) <= _FEW:
        return not is_plain(value)
    return isinstance(value, Called | dict | list | tuple | Members)


def _type(value: Any) -> str:
    if isinstance(value, SkippedValue | Members):
        return value.kind
    if isinstance(value, bytes):
        return "bytes"
    return "None" if value is None else type(value).__name__
