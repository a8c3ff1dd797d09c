"""Folders of netinspect itself."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(os.path.abspath(__file__)).parents[1]

SAMPLES = PACKAGE / "_samples"
"""Sample models in an installed package; a checkout has them in `models/` at its top."""
