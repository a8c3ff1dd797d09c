"""What is said of a format that is not read."""

from __future__ import annotations

import os
import shlex
from typing import NamedTuple


class UnreadFormat(NamedTuple):
    """A format that is not read."""

    name: str
    """With its article, such as `a CatBoost model`."""

    hint: str
    """What reads it, or how to convert it."""

    is_certain: bool = True
    """Whether its marks are strong; otherwise it only looks like this format."""

    is_model: bool = True
    """Whether it holds a model or weights; otherwise it is another file, such as a document."""

    @property
    def text(self) -> str:
        """Return its name, marked where it is not certain."""
        return self.name if self.is_certain else f"perhaps {self.name}"

    def describe(self) -> str:
        """Return what a file of this format is, as a clause."""
        return f"it is {self.name}" if self.is_certain else f"it looks like {self.name}"

    def advice(self, file: str) -> str:
        """Return the hint for one file."""
        folder = os.path.dirname(file) or os.curdir
        return self.hint.replace("FILE", shlex.quote(file)).replace("FOLDER", shlex.quote(folder))
