"""The process that runs us: whether it is the command line's, and so over after one look."""

from __future__ import annotations

import gc
import os

is_ours = False
"""Whether nothing goes on in it but one command; set by the command line."""

_MMAP_THRESHOLD = -3
"""glibc's name for the size from which on an allocation is pages of its own: M_MMAP_THRESHOLD."""

_LARGE = 128 * 1024
"""What glibc begins with itself, in bytes, before it takes what was freed for what will be wanted."""


def settle() -> None:
    """Take what libraries have made so far for what stays until the end, and let go of the rest at once.

    Else each collection of Python's walks through all of it, and those at the end of the process take a
    third of a second with torch. What is made from here on, as by a file of the user's, is collected as
    ever.
    """
    if is_ours:
        gc.freeze()
        _give_pages_back()


def _give_pages_back() -> None:
    """Let every large allocation go back to the system as it is freed.

    Else glibc keeps the first activations of a forward for the next ones, which fit between what lies
    there by now or not: the peak of a ResNet-152 was 13 to 33 MiB higher, and another in each run.
    """
    if "MALLOC_MMAP_THRESHOLD_" in os.environ:
        return
    import ctypes

    try:
        set_option = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # another C library: it has ways of its own
        return
    set_option(_MMAP_THRESHOLD, _LARGE)
