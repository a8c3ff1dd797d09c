"""All odd models together."""

from tests.nets import operations, sharing, structures

CASES = (*structures.CASES, *sharing.CASES, *operations.CASES)
