"""What a view leaves behind in the process that shows it: nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from netinspect.records.saved import dump_trace
from tests.records.examples import small_trace

SHOW = """
import random, sys
random.seed(7)
before = random.getstate()
from netinspect.records.saved import parse_trace
import netinspect
trace = parse_trace(open(sys.argv[1]).read(), name="")
view = netinspect.summary(trace)
assert not {"torch", "rich"} & {*sys.modules}
WAY
assert "rich" in sys.modules
assert random.getstate() == before
WAY
assert random.getstate() == before
"""


@pytest.mark.parametrize(
    "way", ["str(view)", "repr(view)", "view._repr_mimebundle_()", "view.text('rich')"]
)
def test_view_leaves_the_random_state_of_a_fresh_process(tmp_path: Path, way: str) -> None:
    file = tmp_path / "saved.json"
    file.write_text(dump_trace(small_trace()), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", SHOW.replace("WAY", way), str(file)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
