"""Hostile files: one error that names the file, soon, and in little memory."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from netinspect.checkpoints.read import read_checkpoint
from netinspect.errors import CheckpointError
from tests.checkpoints import hostile_formats

ALL = {
    f"{kind}: {what}": case
    for kind, cases in (
        ("GGUF", hostile_formats.GGUF),
        ("ONNX", hostile_formats.ONNX),
        ("NumPy", hostile_formats.NUMPY),
    )
    for what, case in cases.items()
}
MOST_SECONDS = 2.0
"""Of the processor; twice what it takes on a machine that has nothing else to do."""

MOST_KILOBYTES = 200_000

CHILD = """
import re, sys
from netinspect.checkpoints.read import read_checkpoint
from netinspect.errors import CheckpointError
before = 0
for path in sys.argv[1:]:
    try:
        read_checkpoint(path)
    except CheckpointError:
        pass
    peak = int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1])
    if peak > before:
        print(peak, path)
    before = peak
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """All of them, on the disk."""
    folder = tmp_path_factory.mktemp("hostile")
    made = {what: folder / f"{number}.bin" for number, what in enumerate(ALL)}
    for what, path in made.items():
        path.write_bytes(ALL[what][0])
    return made


@pytest.mark.parametrize("what", ALL)
def test_it_is_one_error_that_names_the_file(files: dict[str, Path], what: str) -> None:
    start = time.process_time()
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(str(files[what]))
    assert time.process_time() - start < MOST_SECONDS
    error = caught.value
    assert str(files[what]) in error.message
    assert "\n" not in error.message
    assert ALL[what][1] in f"{error.message}: {error.cause}"
    assert len(f"{error.message}{error.cause}{error.hint}") < 1000


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell the peak")
def test_all_of_them_take_little_memory(files: dict[str, Path]) -> None:
    """The peak of one process that reads them all, whole, with Python in it."""
    run = [sys.executable, "-c", CHILD, *map(str, files.values())]
    told = subprocess.run(run, check=True, capture_output=True, text=True, timeout=120).stdout
    peak, path = told.splitlines()[-1].split(" ", 1)
    assert int(peak) < MOST_KILOBYTES, f"{path} took {peak} kB"
