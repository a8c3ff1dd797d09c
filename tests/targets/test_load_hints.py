"""What to try where a package is missing: names, and never sentences."""

from __future__ import annotations

import importlib.metadata

import pytest

from netinspect.targets.load_hints import hint_for

DEBUG = "--debug shows the whole traceback"


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("nowhere", "nowhere"),
        ("nowhere.inner.part", "nowhere"),
        # Names of distributions, with what asks for a version, alone or in a sentence.
        ("no-where", "no-where"),
        ("no-where>=2.3,<3", "no-where"),
        ("The 'nowhere' distribution was not found and is required by this application", "nowhere"),
        ("The 'no-where>=2.3,<3' distribution was not found and is required by some_net", "no-where"),
        ('Using this needs "no.where[all]~=2": pip install it', "no.where"),
        ("a sentence that names none", None),
        ("an 'other thing' is missing. Really", None),
        ("", None),
    ],
)
def test_a_missing_package_is_named_by_its_name(name: str, missing: str | None) -> None:
    expected = DEBUG if missing is None else f"is {missing} installed in this Python environment?"
    assert hint_for(ModuleNotFoundError("No module", name=name)) == expected
    assert hint_for(importlib.metadata.PackageNotFoundError(name)) == expected


def test_a_name_that_is_no_text_is_left() -> None:
    assert hint_for(ModuleNotFoundError("No module")) == DEBUG
