"""Files that no honest program writes: an error or a list, in a second, in little memory."""

from __future__ import annotations

from typing import Any

import pytest

from tests.checkpoints.bounded import MEMORY, outcomes
from tests.checkpoints.hostile_files import ALL
from tests.checkpoints.hostile_parts import Case

SECONDS = 1.0
"""Of computing, of one command; a machine that is busy with something else takes longer on the clock."""

SECONDS_FOR_MILLIONS = 4.0
"""For files of millions of opcodes, in which each takes its time, as in an honest file."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("hostile")
    files = {}
    for number, (name, case) in enumerate(ALL.items()):
        files[name] = folder / f"{number}.bin"
        files[name].write_bytes(case.data())
    found = outcomes(list(files.values()))
    return {name: found[file] for name, file in files.items()}


@pytest.mark.parametrize("name", ALL)
def test_a_hostile_file(name: str, told: dict[str, dict[str, Any]]) -> None:
    case, outcome = ALL[name], told[name]
    read, scan = outcome["read"], outcome["scan"]
    assert "escaped" not in read, read["escaped"]
    assert "escaped" not in scan, scan["escaped"]
    if case.error is None:
        assert "error" not in read, read
        assert read["names"] != []
    else:
        assert read["code"] == 3
        said = f"{read['error']}\n{read['cause']}"
        assert any(each in said for each in case.error.split("|")), said
    _check_names(case, scan)
    limit = SECONDS_FOR_MILLIONS if ": many " in name else SECONDS
    assert read["seconds"] < limit
    assert scan["seconds"] < limit
    assert outcome["memory"] < MEMORY


def _check_names(case: Case, scan: dict[str, Any]) -> None:
    if case.names is None:
        assert scan["code"] == 3
    elif case.names:
        assert "names" in scan, scan
        assert any(each.startswith(case.names) for each in scan["names"])
    else:
        assert scan["names"] == []
