"""Import of `netinspect.torchinfo`."""

from __future__ import annotations

import subprocess
import sys


def test_import_does_not_import_torch() -> None:
    program = "import sys, netinspect.torchinfo as t; print(t.__all__, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "'summary'" in done.stdout
    assert done.stdout.rstrip().endswith("False")
