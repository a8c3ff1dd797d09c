"""Random state of Python and NumPy, which rendering must not change."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def preserved_random_state() -> Iterator[None]:
    """Put the random state of Python and NumPy back at the end: Rich draws numbers for its styles.

    It does so when it is imported too. A module that was not imported before has no state of anybody's.
    """
    python, numpy = sys.modules.get("random"), sys.modules.get("numpy.random")
    python_state = None if python is None else python.getstate()
    numpy_state = None if numpy is None else numpy.get_state(legacy=False)
    try:
        yield
    finally:
        if python is not None:
            python.setstate(python_state)
        if numpy is not None:
            numpy.set_state(numpy_state)
