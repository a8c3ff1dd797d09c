"""Tests of hostile files: one error that names the file, in few calls and little memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from netinspect.checkpoints.read import read_checkpoint
from netinspect.errors import CheckpointError
from tests.checkpoints.hostile import formats
from tests.support import PATIENCE, calls_of

ALL = {
    f"{kind}: {what}": case
    for kind, cases in (
        ("GGUF", formats.GGUF),
        ("ONNX", formats.ONNX),
        ("NumPy", formats.NUMPY),
    )
    for what, case in cases.items()
}
MOST_CALLS = 6_000_000
"""Maximum number of function calls until the error."""

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
    """Write all hostile files."""
    folder = tmp_path_factory.mktemp("hostile")
    made = {what: folder / f"{number}.bin" for number, what in enumerate(ALL)}
    for what, path in made.items():
        path.write_bytes(ALL[what][0])
    return made


@pytest.mark.parametrize("what", ALL)
def test_hostile_file_is_one_error_that_names_it(files: dict[str, Path], what: str) -> None:
    caught: list[CheckpointError] = []

    def read() -> None:
        with pytest.raises(CheckpointError) as raised:
            read_checkpoint(str(files[what]))
        caught.append(raised.value)

    calls = calls_of(read)
    assert calls < MOST_CALLS
    (error,) = caught
    assert str(files[what]) in error.message
    assert "\n" not in error.message
    assert ALL[what][1] in f"{error.message}: {error.cause}"
    assert len(f"{error.message}{error.cause}{error.hint}") < 1000


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no proc file system")
def test_hostile_files_take_bounded_memory(files: dict[str, Path]) -> None:
    """Measure the peak of one process that reads all files, including Python itself."""
    run = [sys.executable, "-c", CHILD, *map(str, files.values())]
    output = subprocess.run(run, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout
    peak, path = output.splitlines()[-1].split(" ", 1)
    assert int(peak) < MOST_KILOBYTES, f"{path} took {peak} kB"
