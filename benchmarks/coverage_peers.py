"""Models of the tests of other tools, which `coverage.py --library peers` summarises from their names.

The files are read in a clone at run time, and nothing of them is kept here. A class counts if it derives
from `nn.Module` and its constructor has no required argument. How a model is called stands in the peers'
tests, so there is no plain forward.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from coverage_targets import CoverageTarget

PEERS = {
    "TylerYep/torchinfo": (
        "5c4164f1e2e185ce33c597dbe00535bf8ed2b930",
        ("tests/fixtures/models.py",),
    ),
    "mert-kurttutan/torchview": (
        "241d22b5cdeb2c227acee2c85611f0442f15c091",
        (
            "tests/fixtures/models.py",
            "tests/fixtures/custom_attention.py",
            "tests/fixtures/dense_net.py",
            "tests/fixtures/ldc.py",
            "tests/fixtures/u_net.py",
        ),
    ),
    "facebookresearch/fvcore": (
        "3378afe0d71dc2aa95e358bc78dc9b67cb48825a",
        ("tests/test_flop_count.py", "tests/test_activation_count.py", "tests/test_param_count.py"),
    ),
    "johnmarktaylor91/torchlens": (
        "938a2ca54277c44a5be2089ffbf1ca9004d1f26a",
        ("tests/example_models.py",),
    ),
}
"""Files with models in each repository, and the commit."""

ON_PURPOSE: dict[str, str] = {}
"""Models that no input lets pass, each with the reason."""


def peer_targets(clone_of: dict[str, Path]) -> Iterator[CoverageTarget]:
    """Yield the models of the peers, less those that fail on purpose.

    Args:
        clone_of: Folder of the clone of each repository.
    """
    for repository, (commit, files) in PEERS.items():
        for file in files:
            text = (clone_of[repository] / file).read_text("utf-8")
            for name in models_in(text):
                target = CoverageTarget(
                    repository, f"{file}:{name}", inputs=(), commit=commit, given=False
                )
                if target.name not in ON_PURPOSE:
                    yield target


def models_in(text: str) -> list[str]:
    """List the modules of a file that are built without arguments, by reading it."""
    classes = {node.name: node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)}
    return [name for name in classes if _is_module(name, classes) and not _required(name, classes)]


def _bases(node: ast.ClassDef) -> list[str]:
    return [ast.unparse(base).rpartition(".")[2] for base in node.bases]


def _is_module(name: str, classes: dict[str, ast.ClassDef]) -> bool:
    if name not in classes:
        return name in ("Module", "Sequential", "LightningModule")
    return any(_is_module(base, classes) for base in _bases(classes[name]) if base != name)


def _required(name: str, classes: dict[str, ast.ClassDef]) -> bool:
    """Return whether a constructor, also an inherited one, has an argument without default."""
    if name not in classes:
        return name == "Sequential"
    node = classes[name]
    for each in node.body:
        if isinstance(each, ast.FunctionDef) and each.name == "__init__":
            given = each.args
            positional = len(given.posonlyargs) + len(given.args) - 1 - len(given.defaults)
            return positional > 0 or None in given.kw_defaults
    return any(_required(base, classes) for base in _bases(node) if base != name)
