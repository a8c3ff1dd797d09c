"""Roles of nn.Module classes that are not models: losses, metrics and building blocks."""

from __future__ import annotations

import ast
from pathlib import Path

from netinspect.targets.definitions.calls import walk_here, words, words_of
from netinspect.targets.written.reader import (
    Known,
    Reader,
    base_name,
    dotted_name,
    is_library_module,
    needed,
)

_ROLES = (
    ("loss", frozenset({"loss", "losses", "criterion"})),
    ("metric", frozenset({"metric", "metrics", "meter", "accuracy", "psnr", "ssim", "iou", "miou"})),
    ("data", frozenset({"dataset", "dataloader", "sampler", "collate"})),
    ("optimizer", frozenset({"optimizer", "scheduler"})),
)
"""Words of names by role."""

_BLOCKS = words_of(
    "activation attention block blocks bottleneck conv conv2d downsample embed embedder embedding "
    "embeddings encoding ffn layer layers linear merging mlp module norm pool pooling stem transition "
    "unit upsample"
)
"""Last words of the names of building blocks."""

_ADVERSARIES = frozenset({"critic", "discriminator", "generator"})
_REDUCTIONS = frozenset({"mean", "sum", "logsumexp", "norm"})


def role_of(reader: Reader, known: Known) -> str:
    """Return the role of a class: `model`, `loss`, `metric`, `data` or `optimizer`.

    A loss has the word in its name or in that of a base, or compares two tensors: it creates no layers,
    and its forward takes two arguments and returns a reduction of them.
    """
    for each in reader.bases(known):
        node = reader.class_of(each)
        bases = [] if node is None else [base_name(base) or "" for base in node.bases]
        for name in (each[1], *(base.rpartition(".")[2] for base in bases)):
            for role, meant in _ROLES:
                if not meant.isdisjoint(words(name)):
                    return role
    node = reader.class_of(known)
    return "loss" if node is not None and _compares(reader, known[0], node) else "model"


def is_block(name: str) -> bool:
    """Return whether a class is a building block by the last word of its name."""
    return _last_word(name) in _BLOCKS


def is_adversary(name: str) -> bool:
    """Return whether a class is one of the two models of a GAN by its name."""
    return not _ADVERSARIES.isdisjoint(words(name))


def _last_word(name: str) -> str:
    found = [each for each in words(name) if name.lower().rstrip("_0123456789").endswith(each)]
    return max(found, key=len, default="")


def _compares(reader: Reader, file: Path, node: ast.ClassDef) -> bool:
    methods = {each.name: each for each in node.body if isinstance(each, ast.FunctionDef)}
    forward, build = methods.get("forward"), methods.get("__init__")
    if forward is None or len(needed(forward.args, skipped=1)) != 2:
        return False
    returned = [each for each in walk_here(forward.body) if isinstance(each, ast.Return)]
    if not returned or not all(_is_reduction(each.value) for each in returned):
        return False
    return not any(_creates_layer(reader, file, each) for each in ast.walk(build or ast.Pass()))


def _is_reduction(value: ast.expr | None) -> bool:
    """Return whether an expression is a call such as `x.mean()` or `F.mse_loss(x, y)`."""
    if not isinstance(value, ast.Call):
        return False
    name = value.func.attr if isinstance(value.func, ast.Attribute) else ""
    is_whole = not [each for each in value.keywords if each.arg in ("dim", "axis")]
    is_method = dotted_name(value.func) is None or len(value.args) <= 1
    return name.endswith("_loss") or (name in _REDUCTIONS and is_whole and is_method)


def _creates_layer(reader: Reader, file: Path, node: ast.AST) -> bool:
    dotted = dotted_name(node.func) if isinstance(node, ast.Call) else None
    if dotted is None:
        return False
    found = reader.resolve(file, dotted)
    is_layer = reader.is_module(found) if isinstance(found, tuple) else is_library_module(found)
    name = found[1] if isinstance(found, tuple) else found.rpartition(".")[2]
    return is_layer and words(name).isdisjoint(_ROLES[0][1])
