"""Reproducible damage to valid files, and checks that must hold for any file."""

from __future__ import annotations

import dataclasses
import json
import random
import re
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from netinspect.analysis.picture.checkpoint_picture import picture_of_checkpoint
from netinspect.api import _checkpoints, _diff, _views
from netinspect.api._view import View
from netinspect.checkpoints.formats.dtypes import BITS
from netinspect.checkpoints.graphs.read import read_graph
from netinspect.checkpoints.io.decompressed import LARGEST
from netinspect.errors import LoadError
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.codec import from_data, to_data
from netinspect.records.file_graph import FileGraph
from netinspect.records.picture import OUTSIDE
from tests.checkpoints.hostile.fuzz_seeds import NUMBERS, Seed
from tests.checkpoints.memory_source import MemorySource, read
from tests.support import PATIENCE

Step = tuple[str, int, int, int]
"""Kind of damage, position, length and source: 16-bit numbers, as fractions of the available range."""

ON_BYTES = ("flip", "set", "number", "varint", "cut", "drop", "repeat", "insert", "splice")
ON_PARTS = ("drop part", "repeat part", "swap parts", "word", "word between", "empty")
FLOOD = "flood"
"""Repetition of a part many thousand times, which is too slow for each test case."""

KINDS = (*ON_BYTES, *ON_PARTS)
WHOLE = 1 << 16

MOST_BYTES = 200_000_000

_LONGEST = 1 << 20
"""Total bytes of the repeated part."""


def random_steps(source: random.Random) -> list[Step]:
    """Return a few random steps."""
    count = source.choice((1, 1, 1, 2, 2, 3, 5, 9))
    draw = partial(source.randrange, WHOLE)
    steps = [(source.choice(KINDS), draw(), draw(), draw()) for _ in range(count)]
    if not source.randrange(200):
        steps.append((FLOOD, draw(), draw(), draw()))
    return steps


def damage(seed: Seed, steps: list[Step]) -> Seed:
    """Damage the parts of a file and their order."""
    parts = list(seed.parts)
    for kind, where, far, what in steps:
        if not parts:
            break
        at = where * len(parts) // WHOLE
        # One of many parts, or a position in the only one.
        place = where if len(parts) == 1 else where * len(parts) % WHOLE
        if kind in ON_BYTES:
            parts[at] = _damaged(parts[at], parts, kind, place, far, what)
        elif kind == "drop part":
            del parts[at : at + 1 + far % 3]
        elif kind == "repeat part":
            many = 1 + (far % 4) ** 3
            parts[at:at] = parts[at : at + 1 + what % 3] * many
        elif kind == "swap parts":
            other = far * len(parts) // WHOLE
            parts[at], parts[other] = parts[other], parts[at]
        elif kind == "empty":
            parts[at] = b""
        elif kind == FLOOD:
            some = parts[at : at + 1 + what % 3]
            parts[at:at] = some * (_LONGEST // (sum(map(len, some)) + 8))
        else:
            end = at + (kind == "word")
            parts[at:end] = [seed.words[far % len(seed.words)]]
    return dataclasses.replace(seed, parts=tuple(parts))


def _damaged(part: bytes, parts: list[bytes], kind: str, where: int, far: int, what: int) -> bytes:
    raw = bytearray(part)
    at = where * (len(raw) + 1) // WHOLE
    # Short ranges are drawn more often than long ones.
    length = 1 + (len(raw) * far // WHOLE if what % 4 == 0 else far % 16)
    if kind == "flip" and at < len(raw):
        raw[at] ^= 1 << what % 8
    elif kind == "set" and at < len(raw):
        raw[at] = what & 0xFF
    elif kind == "number":
        width, order = (1, 2, 4, 8)[far % 4], ("little", "big")[far // 4 % 2]
        number = (*NUMBERS, len(raw), len(raw) + 1, max(0, len(raw) - 1))[what % (len(NUMBERS) + 3)]
        raw[at : at + width] = (number % 256**width).to_bytes(width, order)
    elif kind == "varint":
        raw[at : at + 1] = bytes([0xFF]) * (far % 12) + bytes([what & 0x7F])
    elif kind == "cut":
        del raw[at:]
    elif kind == "drop":
        del raw[at : at + length]
    elif kind == "repeat":
        raw[at:at] = raw[at : at + length] * (1 + (what % 5) ** 3)
    elif kind == "insert":
        raw[at:at] = random.Random(what).randbytes(length % 64)
    elif kind == "splice":
        other = parts[what * len(parts) // WHOLE]
        raw[at:] = other[far * len(other) // WHOLE :]
    return bytes(raw)


# --- checks --------------------------------------------------------------------------------------


@dataclass
class Outcome:
    """Result of reading one file."""

    checkpoint: Checkpoint | None
    """None if it is an error."""

    seconds: float
    """Wall-clock seconds for reading alone."""

    peak: int
    """Additional peak memory in bytes, if the system reports it."""

    sign: str
    """Signature that distinguishes code paths: the place and cause of failure, or the content."""


class Hang(BaseException):
    """Reading took too long. A `BaseException`, so that readers do not catch it."""


def examine(data: bytes, *, views: bool = True) -> Outcome:
    """Read any bytes, and check that the result is an error that names the file or a valid record.

    Args:
        data: The bytes of the file.
        views: True to render the record in every format.

    Raises:
        AssertionError: The result is neither, or reading took too much memory.
        Hang: Reading took too long.
    """
    checkpoint: Checkpoint | None = None
    sign = ""
    with _time_limit(), _Peak() as peak:
        start = time.perf_counter()
        try:
            checkpoint = read(data)
        except LoadError as error:
            _check_error(error)
            sign = _sign_of(error)
        seconds = time.perf_counter() - start
        if checkpoint is not None:
            check_graph(data, checkpoint)
    assert peak.bytes < MOST_BYTES, f"reading took {peak.bytes:,} bytes"
    if checkpoint is not None:
        # Positions in a compressed file count in what it decompresses to.
        check_record(checkpoint, LARGEST if checkpoint.files[0].compressed else len(data))
        if views:
            with _time_limit():
                show(checkpoint)
        found = {(each.dtype, each.layout, len(each.shape)) for each in checkpoint.tensors[:20]}
        text = [re.sub(r"\d+|'.*'", "#", each) for each in (*checkpoint.problems, *checkpoint.warnings)]
        sign = f"{checkpoint.format} {sorted(found)} {sorted(set(text))}"[:500]
    return Outcome(checkpoint, seconds, peak.bytes, sign)


def examine_file(data: bytes, valid: bytes, folder: Path) -> list[str]:
    """Run all commands that read more than the header of a file: values, differences, pickle globals.

    Args:
        data: The bytes of the file.
        valid: A valid file of the same format.
        folder: Folder for both files.

    Returns:
        The result of each command: `shown` or `refused`.

    Raises:
        AssertionError: A result is neither, or a command took too much memory.
        Hang: A command took too long.
    """
    ended: list[str] = []
    path, other = folder / "file", folder / "valid"
    path.write_bytes(data)
    other.write_bytes(valid)
    asked: tuple[Callable[[], View[Any]], ...] = (
        lambda: _views.params(str(path), stats=True),
        lambda: _diff.diff(str(other), str(path)),
        lambda: _checkpoints.pickle_globals(str(path)),
    )
    for ask in asked:
        with _time_limit(), _Peak() as peak:
            try:
                text = ask()
            except LoadError as error:
                _check_error(error)
                ended.append("refused")
            else:
                check_text(text)
                ended.append("shown")
        assert peak.bytes < MOST_BYTES, f"a command took {peak.bytes:,} bytes"
    return ended


def _sign_of(error: LoadError) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return " ".join(f"{Path(each.filename).name}:{each.lineno}" for each in frames[-4:])


def _check_error(error: LoadError) -> None:
    assert re.search(r"\bfile\b|/valid\b", error.message), error.message
    text = f"{error.message}{error.cause or ''}{error.hint or ''}"
    assert "Traceback" not in text
    assert len(text) < 3000, f"an error of {len(text):,} letters"


def check_record(checkpoint: Checkpoint, size: int) -> None:
    """Check that positions are within the file, numbers are plausible, and the record can be encoded."""
    for tensor in checkpoint.tensors:
        assert all(type(each) is int and each >= 0 for each in tensor.shape), tensor
        assert tensor.bytes >= 0
        assert tensor.file is None or 0 <= tensor.file < len(checkpoint.files)
        if tensor.position is None or tensor.file != 0:
            continue
        assert 0 <= tensor.position <= size, tensor
        if tensor.dtype in BITS and tensor.elements:
            steps = tensor.stride
            elements = tensor.elements
            if steps is not None:
                elements = 1 + sum(
                    (each - 1) * step for each, step in zip(tensor.shape, steps, strict=True)
                )
            assert tensor.position + elements * BITS[tensor.dtype] // 8 <= size, tensor
    assert from_data(Checkpoint, json.loads(json.dumps(to_data(checkpoint)))) == checkpoint


def check_graph(data: bytes, checkpoint: Checkpoint) -> None:
    """Read the graph of a file; check its indices, that it can be encoded, and its picture."""
    try:
        graph = read_graph(MemorySource(data))
    except LoadError as error:
        _check_error(error)
        return
    if graph is None:
        return
    for index, node in enumerate(graph.nodes):
        owner = graph.bodies[node.body].owner
        assert owner is None or owner < index
        assert 0 <= node.module < len(graph.modules)
        assert all(each.producer is None or each.producer < index for each in node.inputs)
    for place, module in enumerate(graph.modules):
        assert (module.parent is None) == (place == 0)
        assert module.parent is None or module.parent < place
    assert from_data(FileGraph, json.loads(json.dumps(to_data(graph)))) == graph
    for fold in (True, False):
        picture = picture_of_checkpoint(checkpoint, graph, fold=fold)
        for template in picture.templates:
            inner = [each for each in template.edges if OUTSIDE not in (each.source, each.target)]
            assert all(each.source < each.target for each in inner)


def show(checkpoint: Checkpoint) -> None:
    """Render a checkpoint in every format, and check that names in it are escaped."""
    for view in (_views.params(checkpoint), _views.summary(checkpoint), _views.tree(checkpoint)):
        check_text(view)


def check_text(view: View[Any]) -> None:
    """Check that a text has no characters that control a terminal or change the writing direction."""
    for format in ("rich", "plain"):
        text = view.text(format, width=100 if format == "rich" else None)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", text)


@contextmanager
def _time_limit() -> Iterator[None]:
    def give_up(*_: object) -> None:
        raise Hang(f"no answer after {PATIENCE:.0f} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class _Peak:
    """Additional peak memory of this process within the context."""

    bytes = 0

    def __enter__(self) -> _Peak:
        self._before = 0
        try:
            Path("/proc/self/clear_refs").write_text("5")  # reset the peak
            self._before = _status("VmRSS")
        except OSError:
            pass
        return self

    def __exit__(self, *_: object) -> None:
        if self._before:
            self.bytes = max(0, _status("VmHWM") - self._before)


def _status(name: str) -> int:
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    return 0
