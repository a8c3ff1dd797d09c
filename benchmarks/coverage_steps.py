"""Steps that measure one target of `targets/*.toml`: a plain forward, and `netinspect summary`.

Both run in a process of their own. The plain forward uses netinspect for nothing but the grammar of
inputs: Python imports the class, calls it and calls the model.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import inspect
import io
import json
import os
import pkgutil
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coverage_targets import CoverageTarget, Leaf, kind_of, leaves_of, oddity


class Fields(dict[str, Any]):
    """Values that a model reads by key or as attributes."""

    def __getattr__(self, name: str) -> Any:
        """Return a value by its name."""
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def run_forward(target: CoverageTarget, root: Path) -> dict[str, Any]:
    """Build the model and run it on the right input, without netinspect."""
    import torch

    _enter(root)
    torch.manual_seed(0)
    device = "meta" if target.meta else "cpu"
    with torch.device(device), torch.no_grad():
        model = built(target)
        model.eval()
        positional, named = arguments_of(target.inputs, device)
        model(*positional, **named)
    signature = inspect.signature(model.forward)
    names = [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    optional = [each.name for each in signature.parameters.values() if each.default is not each.empty]
    return {
        "ok": True,
        "names": names,
        "optional": optional,
        "class_name": type(model).__name__,
        "parameters": sum(each.numel() for each in model.parameters() if not _is_lazy(each)),
    }


def _is_lazy(parameter: Any) -> bool:
    import torch

    return isinstance(parameter, torch.nn.parameter.UninitializedParameter)


def _enter(root: Path) -> None:
    """Go to a folder as a user does, who runs Python there."""
    os.chdir(root)
    sys.path.insert(0, str(root))


def built(target: CoverageTarget) -> Any:
    """Build the model of a target."""
    import torch

    place, _, attribute = target.target.partition(":")
    names: dict[str, Any] = {"torch": torch, "nn": torch.nn}
    names |= {"Fields": Fields, "definitions": definitions}
    if target.build:
        if place and not place.endswith(".py") and not target.commit:
            names |= vars(importlib.import_module(place))
        exec(target.build, names)
        return names["model"]
    if place in ("torchvision", "timm"):
        library = importlib.import_module(place)
        create = library.create_model if place == "timm" else library.models.get_model
        return create(attribute, **dict(_argument(text, names) for text in target.args))
    if place.endswith(".py"):
        sys.path.insert(0, str(Path(place).parent.resolve()))
        made = _module_of(Path(place))
    else:
        made = importlib.import_module(place)
    names |= vars(made)
    for part in (attribute or target.class_name).split("."):
        made = getattr(made, part)
    return made(**dict(_argument(text, names) for text in target.args))


def definitions(path: str, **names: Any) -> dict[str, Any]:
    """Return the classes and functions of a script, and what it imports, without running the script."""
    wanted = (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef)
    tree = ast.parse(Path(path).read_text("utf-8"))
    tree.body = [each for each in tree.body if isinstance(each, wanted)]
    sys.path.insert(0, str(Path(path).parent.resolve()))
    names["__name__"] = Path(path).stem
    exec(compile(tree, path, "exec"), names)
    return names


def _module_of(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def _argument(text: str, names: dict[str, Any]) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    with contextlib.suppress(ValueError, SyntaxError):
        return name, ast.literal_eval(value)
    if re.match(r"[\w.]+\(|nn\.|torch\.", value):
        return name, eval(value, names)
    with contextlib.suppress(ValueError, ImportError, AttributeError):
        return name, pkgutil.resolve_name(value) if "." in value or ":" in value else value
    return name, value


def arguments_of(texts: Sequence[str], device: str) -> tuple[list[Any], dict[str, Any]]:
    """Build the arguments of forward that specs describe: those by position, and those by name."""
    import torch

    from netinspect.inputs.spec import parse_spec
    from netinspect.inputs.tensors import build_value

    generator = torch.Generator(device="cpu").manual_seed(0)
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for text in texts:
        spec = parse_spec(text)
        value = build_value(spec, generator, torch.device(device))
        if spec.name is None:
            positional.append(value)
            continue
        *parents, last = spec.name.split(".")
        held = named
        for parent in parents:
            held = held.setdefault(parent, Fields())
        held[last] = value
    return positional, named


def right_leaves(texts: Sequence[str], names: Sequence[str]) -> list[Leaf]:
    """Return the tensors that specs describe; one without a name has that of its position."""
    from netinspect.inputs.spec import parse_spec

    found: list[Leaf] = []
    position = 0
    for text in texts:
        spec = parse_spec(text)
        name = spec.name or (names[position] if position < len(names) else str(position))
        position += spec.name is None
        if spec.literal is not None:
            if isinstance(spec.value, (int, float)) and not isinstance(spec.value, bool):
                found.append((name, type(spec.value).__name__, ()))
            continue
        leaf = (kind_of(spec.dtype), tuple(spec.shape))
        if spec.listed:
            found += [(f"{name}.{index}", *leaf) for index in range(spec.listed)]
        else:
            found.append((name, *leaf))
    return found


def run_summary(target: CoverageTarget, root: Path) -> dict[str, Any]:
    """Run the command without an input, as a user does in the folder of the model."""
    from netinspect.cli.run import run

    _enter(root)
    words = ["summary", target.target, "--format", "json", "--no-cache", "--explain-input"]
    if target.given:
        words += [word for text in target.args for word in ("--arg", text)]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = int(run(words))
    messages = err.getvalue()
    tries = len(re.findall(r"^attempt \d+:", messages, re.MULTILINE))
    if code:
        errors = [line for line in messages.splitlines() if line.startswith('{"error"')]
        error = json.loads(errors[-1]) if errors else {"message": messages[-300:]}
        parts = [error.get("message"), error.get("cause"), error.get("hint")]
        cause = " | ".join(str(part) for part in parts if part)
        return {"ok": False, "cause": cause, "code": code, "tries": tries}
    report = json.loads(out.getvalue())
    header = report["header"]
    inputs = header.get("inputs", [])
    return {
        "ok": True,
        "tries": tries,
        "parameters": report["totals"]["parameters"],
        "class_name": header["class_name"],
        "chosen": [str(each["spec"]) for each in inputs],
        "reasons": sorted({str(each["origin"]) for each in inputs}),
        "leaves": [leaf for each in inputs for leaf in leaves_of(each["name"], each["value"])],
    }


def judged(target: CoverageTarget, forward: dict[str, Any], summary: dict[str, Any]) -> str:
    """Return what is odd about the model and the input that netinspect chose, or an empty string."""
    expected = target.class_name or forward.get("class_name", "")
    if expected and summary["class_name"] != expected:
        return f"the model is a {summary['class_name']}, not a {expected}"
    chosen = [(name, kind, tuple(shape)) for name, kind, shape in summary["leaves"]]
    names, optional = forward.get("names", []), set(forward.get("optional", []))
    found = [
        oddity(chosen, right_leaves(texts, names), target.within, optional) for texts in target.right
    ]
    return "" if "" in found else found[0]
