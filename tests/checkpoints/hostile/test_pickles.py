"""Tests of hostile pickles: an error or a list of names, in few calls and little memory."""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from netinspect.checkpoints.pickle_globals import scan_pickles
from netinspect.checkpoints.read import read_checkpoint
from netinspect.errors import NetinspectError
from tests.checkpoints.bounded import MEMORY, outcomes
from tests.checkpoints.hostile.files import ALL
from tests.checkpoints.hostile.parts import Case
from tests.support import calls_of

pytestmark = pytest.mark.slow

MOST_CALLS = 12_000_000
"""Maximum function calls of one command: a few for each of at most 2,000,000 examined values."""

FEW = 5_000
"""Number of parts of a small pickle; larger ones have a multiple of it."""

MANY: dict[str, Callable[[int], bytes]] = {
    "lists": lambda count: b"](" + b"]" * count + b"e",
    "tuples": lambda count: b"](" + b"N\x85" * count + b"e",
    "dicts": lambda count: b"](" + b"}" * count + b"e",
    "marks": lambda count: b"(" * count,
    "numbers": lambda count: b"](" + b"J\x01\x02\x03\x04" * count + b"e",
    "names": lambda count: b"](" + b"".join(b"cm\nn%d\n" % index for index in range(count)) + b"e",
    "places": lambda count: b"N" + b"".join(b"r" + struct.pack("<I", index) for index in range(count)),
    "calls of calls": lambda count: b"cm\nf\n" + b")R" * count,
    "keys": lambda count: (
        b"}(" + b"".join(b"J" + struct.pack("<i", n) + b"N" for n in range(count)) + b"u"
    ),
    "items": lambda count: b"]" + b"Na" * count,
    "frames": lambda count: (b"\x95" + struct.pack("<Q", 2) + b"N0") * count + b"N",
    "memos": lambda count: b"N" + b"\x94" * count,
}
"""Functions that build a pickle of a given number of similar parts."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("hostile")
    files = {}
    for number, (name, case) in enumerate(ALL.items()):
        files[name] = folder / f"{number}.bin"
        files[name].write_bytes(case.data())
    found = outcomes(list(files.values()))
    return {name: found[file] for name, file in files.items()}


@pytest.mark.parametrize("name", ALL)
def test_hostile_file_is_error_or_list(name: str, results: dict[str, dict[str, Any]]) -> None:
    case, outcome = ALL[name], results[name]
    read, scan = outcome["read"], outcome["scan"]
    assert "escaped" not in read, read["escaped"]
    assert "escaped" not in scan, scan["escaped"]
    if case.error is None:
        assert "error" not in read, read
        assert read["names"] != []
    else:
        assert read["code"] == 3
        message = f"{read['error']}\n{read['cause']}"
        assert any(each in message for each in case.error.split("|")), message
    _check_names(case, scan)
    assert read.get("calls", 0) < MOST_CALLS
    assert scan.get("calls", 0) < MOST_CALLS
    assert outcome["memory"] < MEMORY


@pytest.mark.parametrize("kind", MANY)
def test_pickle_takes_linear_number_of_calls(tmp_path: Path, kind: str) -> None:
    """Check that twice the opcodes take twice the calls."""
    file = tmp_path / "file"

    def read() -> None:
        with suppress(NetinspectError):
            read_checkpoint(str(file))
        with suppress(NetinspectError):
            scan_pickles(str(file), "file")

    calls = []
    for times in (1, 1, 2, 4):
        file.write_bytes(b"\x80\x04" + MANY[kind](FEW * times) + b".")
        calls.append(calls_of(read))
    _, few, more, most = calls  # the first run includes imports
    assert more < 2.1 * few
    assert most < 4.2 * few


def _check_names(case: Case, scan: dict[str, Any]) -> None:
    if case.names is None:
        assert scan["code"] == 3
    elif case.names:
        assert "names" in scan, scan
        assert any(each.startswith(case.names) for each in scan["names"])
    else:
        assert scan["names"] == []
