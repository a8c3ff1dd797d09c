"""List of the models of a file or folder: nn.Module classes and factories, found by reading."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from netinspect._utils.process import begin_phase
from netinspect.errors import LoadError
from netinspect.records.model_list import FoundClass
from netinspect.targets.written.factories import Built, FactoryReader
from netinspect.targets.written.files import MOST_FILES, is_example, python_files
from netinspect.targets.written.parts import PartsReader
from netinspect.targets.written.reader import Known, Reader
from netinspect.targets.written.roles import is_block, role_of

_MOST_READ = 2 << 20
_RELEVANT = re.compile(rb"\bclass \w|^ +return +[\w.]+ *(?:\(|$)", re.MULTILINE)
_MOST_NOTES = 5
_ORDER = ("model", "part", "loss", "metric", "data", "optimizer")


def find_classes(
    place: str, *, most_files: int = MOST_FILES
) -> tuple[tuple[FoundClass, ...], int, tuple[str, ...]]:
    """List the nn.Module classes and factories of a file or folder.

    Args:
        place: Path, as the user typed it.
        most_files: Maximum number of files of a folder that are read.

    Returns:
        The classes and factories: models that build with nothing, other models, parts, and losses; each
        in the order of files and lines, those of tests and docs last. Then the number of files read, and
        notes.

    Raises:
        LoadError: The path does not exist.
    """
    root = Path(place)
    notes: list[str] = []
    if root.is_dir():
        files = list(python_files(root, notes, most_files))
    elif root.is_file():
        files = [root]
    else:
        raise LoadError(f"the file {place} does not exist", hint="name a Python file or a folder")
    shown = {file.resolve(): str(file) for file in files}
    reader = Reader()
    found = _Found(reader, shown)
    unread = [
        f"cannot read {shown[file]}: {reader.errors[file]}" for file in shown if file in reader.errors
    ]
    notes += unread[:_MOST_NOTES]
    if len(unread) > _MOST_NOTES:
        notes.append(f"{len(unread) - _MOST_NOTES:,} more files cannot be read")
    rows = [*found.classes(), *found.factories()]
    positions = {file: position for position, file in enumerate(shown.values())}
    rows.sort(
        key=lambda row: (
            _ORDER.index(row.role),
            is_example(Path(row.file), root),
            row.arguments != (),
            positions[row.file],
            row.line,
        )
    )
    return tuple(rows), len(files), tuple(notes)


class _Found:
    """Classes and factories in some files."""

    def __init__(self, reader: Reader, shown: dict[Path, str]) -> None:
        self._reader = reader
        self._shown = shown
        self._factories = FactoryReader(reader)
        parts = PartsReader(reader, self._factories)
        self._files = []
        for number, file in enumerate(shown, start=1):
            begin_phase(f"reading file {number:,} of {len(shown):,}")
            if _may_define_models(file):
                reader.read(file)
                self._files.append(file)
        self._known: list[Known] = [
            (file, name)
            for file in self._files
            for name in reader.read(file).classes
            if reader.is_module((file, name))
        ]
        for file in self._files if self._known else ():
            parts.read_calls(file)
        self._used = {each for known in self._known for each in parts.direct(known)}
        built = {
            each
            for file in self._files
            for name in reader.read(file).functions
            for each in self._factories.built_by((file, name))
        }
        # A layer that no class of the project uses is not a model of its own.
        self._used |= {each for each in self._known if each not in built and is_block(each[1])}

    def classes(self) -> Iterator[FoundClass]:
        """Yield the classes."""
        for file, name in self._known:
            node = self._reader.read(file).classes[name]
            role = role_of(self._reader, (file, name))
            is_top = (file, name) not in self._used
            yield FoundClass(
                target=f"{self._shown[file]}:{name}",
                bases=tuple(map(ast.unparse, node.bases)),
                arguments=self._reader.needed_arguments((file, name)),
                is_top=is_top,
                file=self._shown[file],
                line=node.lineno,
                role=role if role != "model" or is_top else "part",
            )

    def factories(self) -> Iterator[FoundClass]:
        """Yield the factories that build with nothing; others build what their class lists."""
        for file in self._files:
            for name, node in self._reader.read(file).functions.items():
                arguments = self._reader.needed_arguments((file, name))
                built = self._factories.built_by((file, name)) if arguments == () else ()
                if not built or name.startswith("_"):
                    continue
                is_top = any(self._is_model(each) for each in built)
                yield FoundClass(
                    target=f"{self._shown[file]}:{name}",
                    bases=(),
                    arguments=(),
                    is_top=is_top,
                    file=self._shown[file],
                    line=node.lineno,
                    role="model" if is_top else "part",
                    builds=tuple(_name(each) for each in built),
                )

    def _is_model(self, built: Built) -> bool:
        if isinstance(built, str):  # a function that returns one layer builds a part
            return not built.startswith("torch.") or built.endswith((".Sequential", ".Transformer"))
        return built not in self._used and role_of(self._reader, built) == "model"


def _name(built: Built) -> str:
    return built if isinstance(built, str) else built[1]


def _may_define_models(file: Path) -> bool:
    """Return whether a file may define a class or a factory; most others need not be parsed."""
    with suppress(OSError), file.open("rb") as opened:
        return _RELEVANT.search(opened.read(_MOST_READ)) is not None
    return True  # the error is reported when it is parsed
