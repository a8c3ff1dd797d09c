"""Tests of hints for missing packages."""

from __future__ import annotations

import importlib.metadata

import pytest

from netinspect.targets.load_hints import hint_for

DEBUG = "--debug shows the full traceback"


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("nowhere", "nowhere"),
        ("nowhere.inner.part", "nowhere"),
        # Names of distributions with versions, alone or in a sentence.
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
def test_hint_for_missing_package(name: str, missing: str | None) -> None:
    expected = DEBUG if missing is None else f"is {missing} installed in this Python environment?"
    assert hint_for(ModuleNotFoundError("No module", name=name)) == expected
    assert hint_for(importlib.metadata.PackageNotFoundError(name)) == expected


def test_hint_for_missing_package_without_name() -> None:
    assert hint_for(ModuleNotFoundError("No module")) == DEBUG
