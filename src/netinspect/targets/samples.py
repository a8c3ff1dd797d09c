"""Sample models, found by bare name and described without importing them."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from netinspect._utils.own_folders import PACKAGE, SAMPLES
from netinspect.records.model_list import Sample


@cache
def samples_folder() -> Path:
    """Return the folder of the samples.

    It is inside an installed package, and at the top of the repository in a checkout.
    """
    return SAMPLES if SAMPLES.is_dir() else PACKAGE.parents[1] / "models"


def sample_names() -> list[str]:
    """List the names of the samples, sorted."""
    return sorted(path.stem for path in samples_folder().glob("*.py") if path.stem != "__init__")


def find_sample(name: str) -> Path | None:
    """Return the file of a sample, or None if unknown."""
    return samples_folder() / f"{name}.py" if name in sample_names() else None


def describe_sample(name: str) -> Sample:
    """Read the description of a sample from its source text."""
    path = samples_folder() / f"{name}.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants = {
        target.id: statement.value
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    return Sample(
        name=name,
        class_name=str(ast.literal_eval(constants["MODEL"])),
        description=(ast.get_docstring(tree) or "").partition("\n")[0],
        inputs=tuple(ast.literal_eval(constants["EXAMPLE_INPUTS"])),
        file=str(path),
    )
