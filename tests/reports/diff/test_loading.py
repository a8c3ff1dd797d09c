"""Tests of the predicted result of `load_state_dict` against torch, and of the suggested code."""

from __future__ import annotations

import argparse
import collections
import copy
import gzip
import pickle
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
import torchvision  # type: ignore[import-untyped]
import transformers
from torch import Tensor, nn

import netinspect
from netinspect.records.trace import Trace
from netinspect.reports.diff.record import Loading
from tests.reports.diff.state_dicts import save

pytestmark = pytest.mark.libraries

State = dict[str, Tensor]


class Tied(nn.Module):
    """Model with a tied head, a shared layer, a non-persistent buffer and a scalar."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.layers = nn.ModuleList(nn.TransformerEncoderLayer(4, 2, 8) for _ in range(3))
        self.shared = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
        self.again = self.shared
        self.head = nn.Linear(4, 7, bias=False)
        self.head.weight = self.embed.weight
        self.scale = nn.Parameter(torch.ones(()))
        self.register_buffer("mask", torch.ones(3), persistent=False)


def gpt() -> nn.Module:
    config = transformers.GPT2Config(n_embd=8, n_layer=3, n_head=2, vocab_size=11, n_positions=6)
    return transformers.GPT2LMHeadModel(config)


MODELS: dict[str, Callable[[], nn.Module]] = {
    "tied": Tied,
    "shufflenet": lambda: torchvision.models.shufflenet_v2_x0_5(num_classes=3),
    "gpt2": gpt,
    "lstm": lambda: nn.LSTM(3, 4, 2, bidirectional=True),
    "nothing": nn.ReLU,
}


def without(*ends: str) -> Callable[[State], State]:
    return lambda state: {name: value for name, value in state.items() if not name.endswith(ends)}


def renamed(change: Callable[[str], str]) -> Callable[[State], State]:
    return lambda state: {change(name): value for name, value in state.items()}


def resized(state: State) -> State:
    changed = dict(state)
    for name in list(state)[-2:]:
        changed[name] = torch.zeros([size + 1 for size in state[name].shape] or [2, 2])
    return changed


CHANGES: dict[str, Callable[[State], State]] = {
    "unchanged": dict,
    "half": lambda state: {name: value.half() for name, value in state.items()},
    "without biases": without("bias"),
    "without counters": without("num_batches_tracked"),
    "without a head": without("head.weight", "fc.weight", "fc.bias"),
    "more": lambda state: state | {"extra.weight": torch.zeros(2, 5), "conv1": torch.zeros(2)},
    "resized": resized,
    "scalars as vectors": lambda state: {
        name: value.reshape(1) if not value.shape else value for name, value in state.items()
    },
    "module.": renamed(lambda name: f"module.{name}"),
    "module._orig_mod.": renamed(lambda name: f"module._orig_mod.{name}"),
    "layers": renamed(lambda name: re.sub(r"(layers|stage(?=\d)|transformer.h)", "blocks", name)),
    "both": renamed(lambda name: "net." + re.sub(r"(layers|transformer.h)", "blocks", name)),
    "empty": lambda state: {},
}


def with_versions(model: nn.Module, state: State, *, old: bool) -> State:
    """Return a state dict with the versions of its modules in `_metadata`, as torch creates it."""
    made = model.state_dict()
    made.clear()
    made.update(state)
    if old:
        for each in made._metadata.values():  # type: ignore[attr-defined]
            each["version"] = 1
    return made


def errors_of_torch(model: nn.Module, state: Mapping[str, Tensor]) -> tuple[set[str], ...]:
    """Return the missing, unexpected and mismatched names in the error of torch."""
    try:
        copy.deepcopy(model).load_state_dict(state, strict=True)
    except RuntimeError as error:
        text = str(error)
        lists = [
            set(re.findall(r'"([^"]+)"', found[0]))
            if (found := re.search(rf"{kind} key\(s\) in state_dict: .*", text))
            else set()
            for kind in ("Missing", "Unexpected")
        ]
        return lists[0], lists[1], set(re.findall(r"size mismatch for ([^:]+):", text))
    return set(), set(), set()


@cache
def made(name: str) -> nn.Module:
    """Return a model that no test changes."""
    return MODELS[name]()


@cache
def load_trace(model: nn.Module) -> Trace:
    return netinspect.load(model, run=False)


def loading(model: nn.Module, file: str) -> Loading:
    found = netinspect.diff(load_trace(model), file).record.loading
    assert found is not None
    back = netinspect.diff(file, load_trace(model)).record.loading
    assert back is not None
    assert (back.verdict, set(back.missing)) == (found.verdict, set(found.missing))
    assert (found.model, back.model) == ("a", "b")
    return found


def cases() -> list[tuple[str, str, str]]:
    """Return all changes of all models as safetensors, and some as torch files with versions."""
    found = [(name, change, "safetensors") for name in MODELS for change in CHANGES]
    formats = ("torch", "with versions", "old versions")
    changes = ("unchanged", "without counters", "module.", "resized")
    found += [
        (name, change, each) for name in ("tied", "shufflenet") for change in changes for each in formats
    ]
    return found


@pytest.mark.parametrize(("name", "change", "format"), cases())
def test_loading_verdict_matches_load_state_dict(
    name: str, change: str, format: str, tmp_path: Path
) -> None:
    model = made(name)
    state = CHANGES[change](model.state_dict())
    file = tmp_path / "x"
    if format == "safetensors":
        save(state, file)
    else:
        if "versions" in format:
            state = with_versions(model, state, old=format == "old versions")
        torch.save(state, file)
    found = loading(model, str(file))
    missing, unexpected, mismatched = errors_of_torch(model, state)
    assert set(found.missing) == missing
    assert set(found.unexpected) == unexpected
    assert {each.name for each in found.mismatched} == mismatched
    if mismatched:
        assert found.verdict == "does not load"
    else:
        assert found.verdict == ("loads with strict=False" if missing or unexpected else "loads")
        copy.deepcopy(model).load_state_dict(state, strict=found.verdict == "loads")


def run_mapping(found: Loading, model: nn.Module) -> Any:
    """Run the suggested code and return the state dict that it loads."""
    assert found.mapping is not None
    names: dict[str, Any] = {
        "torch": torch,
        "safetensors": safetensors,
        "re": re,
        "pickle": pickle,
        "model": model,
    }
    exec("\n".join(found.mapping.lines), names)
    return names["state_dict"]


@pytest.mark.parametrize("change", ["module.", "module._orig_mod.", "layers", "both"])
@pytest.mark.parametrize("name", ["tied", "shufflenet", "gpt2"])
@pytest.mark.parametrize("format", ["safetensors", "torch", "section"])
def test_loading_snippet_loads_the_checkpoint(
    name: str, change: str, format: str, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    source = MODELS[name]()
    state = CHANGES[change](source.state_dict())
    file = tmp_path / "it's.pt"
    if format == "safetensors":
        save(state, file)
    else:
        torch.save({"state_dict": state, "epoch": 3} if format == "section" else state, file)
    if set(state) == set(source.state_dict()) and format != "section":
        pytest.skip("nothing is renamed in this one")
    torch.manual_seed(1)
    model = MODELS[name]()
    found = loading(model, str(file))
    assert found.mapping is not None
    assert found.mapping.verdict == "loads"
    run_mapping(found, model)
    for key, value in source.state_dict().items():
        assert torch.equal(model.state_dict()[key], value), key


def test_loading_snippet_for_a_prefix_is_one_line(tmp_path: Path) -> None:
    model = torchvision.models.shufflenet_v2_x0_5()
    file = save({f"module.{name}": value for name, value in model.state_dict().items()}, tmp_path / "a")
    mapping = loading(model, file).mapping
    assert mapping is not None
    assert mapping.lines == (
        f"state_dict = safetensors.torch.load_file({file!r})",
        "state_dict = {name.removeprefix('module.'): value for name, value in state_dict.items()}",
        "model.load_state_dict(state_dict)",
    )
    inner = save(model.state_dict(), tmp_path / "b")
    mapping = loading(nn.Sequential(model), inner).mapping
    assert mapping is not None
    assert mapping.lines[1] == "state_dict = {'0.' + name: value for name, value in state_dict.items()}"


def test_loading_snippet_reports_remaining_problems(tmp_path: Path) -> None:
    torch.manual_seed(0)
    source = torchvision.models.shufflenet_v2_x0_5(num_classes=10)
    state = {f"module.{name}": value for name, value in source.state_dict().items()}
    file = save(state, tmp_path / "a")
    mapping = loading(torchvision.models.shufflenet_v2_x0_5(num_classes=3), file).mapping
    assert mapping is not None
    assert (mapping.verdict, mapping.mismatched) == ("does not load", 2)
    assert not any("load_state_dict" in each for each in mapping.lines)
    headless = {name: value for name, value in state.items() if ".fc." not in name}
    model = torchvision.models.shufflenet_v2_x0_5(num_classes=3)
    found = loading(model, save(headless, tmp_path / "b"))
    assert found.mapping is not None
    assert (found.mapping.verdict, found.mapping.missing) == ("loads with strict=False", 2)
    run_mapping(found, model)
    assert torch.equal(model.conv5[0].weight, source.conv5[0].weight)


def test_loading_of_a_flat_file_with_other_values(tmp_path: Path) -> None:
    model = nn.Linear(3, 4)
    optimizer = torch.optim.SGD(model.parameters(), momentum=0.9)
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    state = {
        **model.state_dict(),
        "epoch": 3,
        "best": {"loss": 0.5},
        "optimizer": optimizer.state_dict(),
    }
    torch.save(state, tmp_path / "flat.pt")
    other = nn.Linear(3, 4)
    found = loading(other, str(tmp_path / "flat.pt"))
    missing, unexpected, mismatched = errors_of_torch(other, state)
    assert (set(found.missing), {each.name for each in found.mismatched}) == (missing, mismatched)
    # An empty dictionary does not show whether its key is part of a dotted name.
    assert set(found.unexpected) == unexpected - {"best"} == {"epoch", "optimizer"}
    assert found.mapping is not None
    assert found.mapping.verdict == "loads"
    run_mapping(found, other)
    assert torch.equal(other.weight, model.weight)


def test_load_lines_state_dict_next_to_pickled_module(tmp_path: Path) -> None:
    model, other = nn.Linear(3, 4), nn.Linear(3, 4)
    torch.save({"model": model.state_dict(), "net": nn.Linear(3, 4)}, tmp_path / "both.pt")
    run_mapping(loading(other, str(tmp_path / "both.pt")), other)
    assert torch.equal(other.weight, model.weight)


@pytest.mark.parametrize(
    "beside",
    [
        {"args": argparse.Namespace(lr=0.1)},
        {"scores": np.arange(3.0)},
        {"counts": collections.defaultdict(int, a=1)},
    ],
    ids=lambda beside: next(iter(beside)),
)
def test_load_lines_file_that_weights_only_refuses(beside: dict[str, Any], tmp_path: Path) -> None:
    model, other = nn.Linear(3, 4), nn.Linear(3, 4)
    file = tmp_path / "x.pt"
    torch.save({"state_dict": model.state_dict(), **beside}, file)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(file)
    found = loading(other, str(file))
    assert found.mapping is not None
    assert found.mapping.lines[0].startswith("# weights_only=False, because the file needs ")
    run_mapping(found, other)
    assert torch.equal(other.weight, model.weight)


@pytest.mark.parametrize(
    "place",
    [
        lambda value: [value],
        lambda value: {1: value},
        lambda value: {"1": value},
        lambda value: {"it's": {"x.y": ({}, value)}},
        lambda value: value,
    ],
    ids=["list", "integer", "digit", "dots", "root"],
)
@pytest.mark.parametrize("what", [copy.copy, nn.Module.state_dict], ids=["module", "state_dict"])
def test_load_lines_keys(
    place: Callable[[Any], Any], what: Callable[[nn.Module], Any], tmp_path: Path
) -> None:
    model, other = nn.Linear(3, 4), nn.Linear(3, 4)
    torch.save(place(what(model)), tmp_path / "x.pt")
    found = loading(other, str(tmp_path / "x.pt"))
    if found.mapping is None:  # a state dict that fits as it is
        other.load_state_dict(torch.load(tmp_path / "x.pt"))
    else:
        run_mapping(found, other)
    assert torch.equal(other.weight, model.weight)


def test_load_lines_attribute(tmp_path: Path) -> None:
    model = nn.Linear(3, 4)
    torch.save(argparse.Namespace(model=model.state_dict()), tmp_path / "x.pt")
    mapping = loading(model, str(tmp_path / "x.pt")).mapping
    assert mapping is not None
    assert mapping.lines[0].startswith("# state_dict: all tensors of ")


def test_load_lines_plain_pickle(tmp_path: Path) -> None:
    model, other = nn.Linear(3, 4), nn.Linear(3, 4)
    file = tmp_path / "x.pkl"
    file.write_bytes(pickle.dumps({"model": model.state_dict()}))
    run_mapping(loading(other, str(file)), other)
    assert torch.equal(other.weight, model.weight)


@pytest.mark.parametrize("suffix", ["pt", "pkl"])
def test_load_lines_compressed_file_is_a_comment(suffix: str, tmp_path: Path) -> None:
    model = nn.Linear(3, 4)
    file, packed = tmp_path / f"x.{suffix}", tmp_path / f"x.{suffix}.gz"
    torch.save({"model": model.state_dict()}, file)
    packed.write_bytes(gzip.compress(file.read_bytes()))
    mapping = loading(model, str(packed)).mapping
    assert mapping is not None
    assert mapping.lines[0].startswith("# state_dict: all tensors of ")


def test_loading_note_without_renames(tmp_path: Path) -> None:
    model = nn.Linear(3, 4)
    torch.save({"state_dict": model.state_dict()}, tmp_path / "x.pt")
    view = netinspect.diff(model, str(tmp_path / "x.pt"))
    assert "after renaming" not in str(view)
    renamed = save({f"a.{name}": value for name, value in model.state_dict().items()}, tmp_path / "y")
    assert "after renaming: loads" in str(netinspect.diff(model, renamed))


def test_loading_joins_nested_state_dicts(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = nn.ModuleDict({"encoder": nn.Linear(3, 4), "decoder": nn.Linear(4, 3)})
    file = tmp_path / "parts.pt"
    torch.save({name: each.state_dict() for name, each in model.items()}, file)
    other = nn.ModuleDict({"encoder": nn.Linear(3, 4), "decoder": nn.Linear(4, 3)})
    found = loading(other, str(file))
    run_mapping(found, other)
    assert torch.equal(other.state_dict()["decoder.weight"], model.state_dict()["decoder.weight"])


def test_loading_notes_a_missing_tied_name(tmp_path: Path) -> None:
    model = Tied()
    file = save(without("head.weight")(model.state_dict()), tmp_path / "a")
    found = loading(model, file)
    assert found.missing == ("head.weight",)
    assert found.notes[0].startswith("head.weight is tied to embed.weight")


def test_loading_notes_counters_created_by_batch_norm(tmp_path: Path) -> None:
    model = torchvision.models.shufflenet_v2_x0_5()
    found = loading(model, save(without("num_batches_tracked")(model.state_dict()), tmp_path / "a"))
    assert found.verdict == "loads"
    assert found.notes[0].startswith("conv1.1.num_batches_tracked and 55 more")
    assert len(found.created) == 56


def test_loading_count_excludes_counters_created_by_batch_norm(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    other = save({"other": torch.zeros(1)}, tmp_path / "a")
    assert "0 of 7 tensors would be loaded" in str(netinspect.diff(model, other))
    half = save({"0.weight": model.state_dict()["0.weight"]}, tmp_path / "b")
    assert "1 of 7 tensors would be loaded" in str(netinspect.diff(model, half))


def test_loading_snippet_escapes_names(tmp_path: Path) -> None:
    model = nn.Module()
    for name in ("it's", 'quo"te', "back\\slash", "new\nline"):
        model.register_parameter(name, nn.Parameter(torch.randn(2, 3)))
    state = {f"module.{name}": value for name, value in model.state_dict().items()}
    torch.save(state, tmp_path / "x.pt")
    found = loading(model, str(tmp_path / "x.pt"))
    assert found.mapping is not None
    assert found.mapping.verdict == "loads"
    run_mapping(found, model)


def test_loading_into_a_lazy_layer_accepts_any_size(tmp_path: Path) -> None:
    model = nn.Sequential(nn.LazyLinear(4), nn.Linear(4, 2))
    state = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)).state_dict()
    found = netinspect.diff(model, save(state, tmp_path / "a")).record
    assert found.loading is not None
    assert found.loading.verdict == "loads"
    assert not found.differs
    model.load_state_dict(state)


def test_loading_is_none_for_two_models_or_two_checkpoints(tmp_path: Path) -> None:
    model = nn.Linear(2, 3)
    file = save(model.state_dict(), tmp_path / "a")
    assert netinspect.diff(model, nn.Linear(2, 4)).record.loading is None
    assert netinspect.diff(file, file).record.loading is None
