"""The cases of all unusual models."""

from tests.nets import operations, sharing, structures, wild

CASES = (*structures.CASES, *sharing.CASES, *operations.CASES, *wild.CASES)
