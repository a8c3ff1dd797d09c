from __future__ import annotations

import sys
from typing import Any

import pytest

from netinspect._utils.signatures import annotations_of, signature_of

# Compiled without the future import of this file.
LATE = "def forward(self, x: Missing, n: int = 3) -> Missing: ..."


def defined(text: str) -> Any:
    namespace: dict[str, Any] = {}
    exec(compile(text, "<late>", "exec", dont_inherit=True), namespace)
    return namespace["forward"]


@pytest.mark.skipif(sys.version_info < (3, 14), reason="annotations are evaluated with the definition")
def test_signature_of_function_with_invalid_annotation() -> None:
    forward = defined(LATE)
    assert list(signature_of(forward).parameters) == ["self", "x", "n"]
    assert annotations_of(forward) == {"x": "Missing", "n": "int", "return": "Missing"}


def test_signature_of_function_with_string_annotations() -> None:
    forward = defined(f"from __future__ import annotations\n{LATE}")
    assert list(signature_of(forward).parameters) == ["self", "x", "n"]
    assert annotations_of(forward) == {"x": "Missing", "n": "int", "return": "Missing"}
    assert annotations_of(3) == {}
