"""Description of an unsupported format."""

from __future__ import annotations

import os
import shlex
from typing import NamedTuple


class UnreadFormat(NamedTuple):
    """Unsupported format."""

    name: str
    """Name with article, such as `a CatBoost model`."""

    hint: str
    """Advice on reading or converting the format."""

    is_certain: bool = True
    """True if the signature is unambiguous."""

    is_model: bool = True
    """True if the format contains a model or weights, unlike a document."""

    @property
    def text(self) -> str:
        """Return the name, qualified if the format is not certain."""
        return self.name if self.is_certain else f"perhaps {self.name}"

    def describe(self) -> str:
        """Return a clause that describes a file of this format."""
        return f"it is {self.name}" if self.is_certain else f"it looks like {self.name}"

    def advice(self, file: str) -> str:
        """Return the hint for a file."""
        folder = os.path.dirname(file) or os.curdir
        return self.hint.replace("FILE", shlex.quote(file)).replace("FOLDER", shlex.quote(folder))
