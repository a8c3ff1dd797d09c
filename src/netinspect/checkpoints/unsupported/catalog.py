"""Catalog of all unsupported formats by internal keys."""

from __future__ import annotations

from netinspect.checkpoints.unsupported.models import MODELS
from netinspect.checkpoints.unsupported.other_files import OTHER_FILES

CATALOG = MODELS | {key: each._replace(is_model=False) for key, each in OTHER_FILES.items()}
