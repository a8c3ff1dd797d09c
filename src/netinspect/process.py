"""The process that runs us: whether it is the command line's, and so over after one look."""

from __future__ import annotations

import gc

is_ours = False
"""Whether nothing goes on in it but one command; set by the command line."""


def settle() -> None:
    """Take what libraries have made so far for what stays until the end.

    Else each collection walks through all of it, and those at the end of the process take a third of a
    second with torch. What is made from here on, as by a file of the user's, is collected as ever.
    """
    if is_ours:
        gc.freeze()
