"""All formats that are not read, by short keys, which nobody is shown."""

from __future__ import annotations

from netinspect.checkpoints.unread.models import MODELS
from netinspect.checkpoints.unread.other_files import OTHER_FILES

CATALOG = MODELS | {key: each._replace(is_model=False) for key, each in OTHER_FILES.items()}
