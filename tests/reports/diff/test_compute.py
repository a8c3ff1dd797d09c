"""Tests of `diff` on live models and files: totals, symmetry, and recognised changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import timm
import torch
import torchvision  # type: ignore[import-untyped]
import transformers
from models.tiny_gpt import TinyGPT
from torch import nn

import netinspect
from netinspect.errors import UsageError
from netinspect.records.trace import Trace
from netinspect.rendering.formats import Format, Style
from netinspect.reports.diff.record import Diff
from netinspect.reports.render import render
from tests.reports.diff.state_dicts import save

pytestmark = pytest.mark.libraries


def resnet(name: str, **more: int) -> nn.Module:
    with torch.device("meta"):
        made: nn.Module = getattr(torchvision.models, name)(**more)
    return made


def of_timm(name: str) -> nn.Module:
    with torch.device("meta"):
        made: nn.Module = timm.create_model(name)
    return made


def gpt2() -> nn.Module:
    config = transformers.GPT2Config(
        n_embd=64, n_layer=3, n_head=4, vocab_size=256, n_positions=64, n_inner=256
    )
    return transformers.GPT2LMHeadModel(config)


MODELS: dict[str, Callable[[], nn.Module]] = {
    "resnet18": lambda: resnet("resnet18"),
    "resnet34": lambda: resnet("resnet34"),
    "resnet18 of timm": lambda: of_timm("resnet18"),
    "ten classes": lambda: resnet("resnet18", num_classes=10),
    "vit": lambda: resnet("vit_b_16"),
    "vit of timm": lambda: of_timm("vit_base_patch16_224"),
    "gpt2": gpt2,
    "tiny_gpt": TinyGPT,
    "wrapped": lambda: nn.DataParallel(resnet("resnet18")),
    "linear": lambda: nn.Linear(3, 4),
    "nothing": nn.ReLU,
}


@cache
def load_trace(name: str) -> Trace:
    return netinspect.load(MODELS[name](), run=False)


def diff(a: str, b: str) -> Diff:
    return netinspect.diff(load_trace(a), load_trace(b)).record


def check(report: Diff) -> None:
    """Check properties that hold for every report."""
    counts = {kind: 0 for kind in ("added", "removed", "changed", "renamed")}
    for row in report.rows:
        counts[row.change] += 1
        assert (row.old is None) == (row.change == "added")
        assert (row.new is None) == (row.change == "removed")
        assert bool(row.renames) == (row.change in ("changed", "renamed") and "name" in row.differs)
    assert counts == {kind: getattr(report, kind) for kind in counts}
    paired = report.same + report.changed + report.renamed
    assert report.a.tensors == paired + report.removed
    assert report.b.tensors == paired + report.added
    for kind in (*counts, "same"):
        assert sum(getattr(group, kind) for group in report.groups) == getattr(report, kind)
    assert sum(group.old_bytes for group in report.groups) >= report.a.bytes
    for number, rename in enumerate(report.renames):
        assert rename.names == sum(number in row.renames for row in report.rows)


@pytest.mark.parametrize("name", MODELS)
def test_diff_of_a_model_with_itself_is_empty(name: str) -> None:
    report = diff(name, name)
    check(report)
    assert not report.differs
    assert (report.rows, report.renames, report.ties, report.modules) == ((), (), (), ())
    assert report.same == report.a.tensors
    assert "no difference" in str(netinspect.diff(load_trace(name), load_trace(name)))


@pytest.mark.parametrize("b", MODELS)
@pytest.mark.parametrize("a", MODELS)
def test_diff_with_swapped_sides_is_the_mirror(a: str, b: str) -> None:
    forth, back = diff(a, b), diff(b, a)
    check(forth)
    assert (forth.added, forth.removed) == (back.removed, back.added)
    assert (forth.changed, forth.renamed, forth.same) == (back.changed, back.renamed, back.same)
    assert {(row.old, row.new, row.differs) for row in forth.rows} == {
        (row.new, row.old, row.differs) for row in back.rows
    }
    assert {(each.old, each.new, each.names) for each in forth.renames} == {
        (each.new, each.old, each.names) for each in back.renames
    }
    mirrored = {"tied": "untied", "untied": "tied"}
    assert {(each.change, each.old) for each in forth.ties} == {
        (mirrored[each.change], each.new) for each in back.ties
    }
    assert len(forth.modules) == len(back.modules)
    json.loads(netinspect.diff(load_trace(a), load_trace(b)).text("json"))


def pairs(report: Diff) -> dict[str, str]:
    return {row.old.name: row.new.name for row in report.rows if row.old and row.new}


def test_diff_of_resnets_lists_additional_blocks() -> None:
    report = diff("resnet18", "resnet34")
    assert (report.added, report.removed, report.changed, report.same) == (96, 0, 0, 122)
    assert {row.branch for row in report.rows} == {
        *("layer1.2", "layer2.2", "layer2.3", "layer4.2"),
        *(f"layer3.{number}" for number in (2, 3, 4, 5)),
    }


def test_diff_pairs_the_same_network_of_two_libraries() -> None:
    assert not diff("resnet18", "resnet18 of timm").rows


def test_diff_pairs_vision_transformers_of_two_libraries() -> None:
    """Both libraries register modules in the order of use, which gives the true pairs."""
    report = diff("vit", "vit of timm")
    ones, others = (list(MODELS[name]().state_dict()) for name in ("vit", "vit of timm"))
    truth = dict(
        zip(
            [name for name in ones if name.startswith("encoder.layers.")],
            [name for name in others if name.startswith("blocks.")],
            strict=True,
        )
    )
    found = pairs(report)
    assert {old: found[old] for old in truth} == truth
    assert found["conv_proj.weight"] == "patch_embed.proj.weight"
    assert found["encoder.ln.bias"] == "norm.bias"
    assert found["heads.head.weight"] == "head.weight"


@pytest.mark.parametrize(
    ("torchvision_name", "timm_name", "fewest"),
    [
        ("mobilenet_v2", "mobilenetv2_100", 314),
        ("convnext_tiny", "convnext_tiny", 164),
        ("efficientnet_b0", "efficientnet_b0", 360),
        ("mobilenet_v3_large", "mobilenetv3_large_100", 310),
        ("mnasnet1_0", "mnasnet_100", 144),
        ("vgg16_bn", "vgg16_bn", 93),
    ],
)
def test_diff_between_libraries_has_no_false_pairs(
    torchvision_name: str, timm_name: str, fewest: int
) -> None:
    """Both libraries have all tensors in the same order under very different names.

    Pairing does not use the order, so the order can verify the pairs.
    """
    one, other = resnet(torchvision_name), of_timm(timm_name)
    truth = dict(zip(one.state_dict(), other.state_dict(), strict=True))
    found = pairs(netinspect.diff(one, other).record)
    found |= {name: name for name in truth if name == truth[name]}
    assert {old: new for old, new in found.items() if truth[old] != new} == {}
    assert len(found) >= fewest


def test_diff_of_language_models_with_equal_sizes() -> None:
    found = pairs(diff("gpt2", "tiny_gpt"))
    for layer in range(3):
        start, other = f"transformer.h.{layer}", f"blocks.{layer}"
        assert found[f"{start}.attn.c_attn.weight"] == f"{other}.attention.query_key_value.weight"
        assert found[f"{start}.mlp.c_fc.weight"] == f"{other}.perceptron.0.weight"
        assert found[f"{start}.mlp.c_proj.bias"] == f"{other}.perceptron.2.bias"


def test_diff_of_a_wrapped_model_with_a_new_head() -> None:
    report = diff("wrapped", "ten classes")
    (rename,) = report.renames
    assert (rename.kind, rename.old, rename.new, rename.names) == ("prefix", "module.", "", 122)
    assert "DataParallel" in rename.written_by
    changed = [row for row in report.rows if row.change == "changed"]
    assert [row.differs for row in changed] == [("name", "shape")] * 2


def test_diff_reports_changed_ties() -> None:
    tied, untied = TinyGPT(), TinyGPT()
    untied.head.weight = nn.Parameter(untied.head.weight.detach().clone())
    (change,) = netinspect.diff(tied, untied).record.ties
    assert change.change == "untied"
    assert change.new == ("token_embedding.weight", "head.weight")
    (change,) = netinspect.diff(untied, tied).record.ties
    assert change.change == "tied"
    assert netinspect.diff(tied, tied).record.ties == ()


def test_diff_removed_tied_tensor_names_its_tie() -> None:
    report = netinspect.diff(TinyGPT(), nn.Linear(2, 2)).record
    columns = ("name", "differs")
    plain = render(report, Style(format=Format.PLAIN, columns=columns)).splitlines()
    assert "head.weight\ttied to token_embedding.weight" in plain


def test_diff_reports_changed_constructor_facts() -> None:
    one = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Dropout(0.1))
    other = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.GELU(), nn.Dropout(0.1), nn.Tanh())
    found = netinspect.diff(one, other).record
    assert [(each.change, each.new_path) for each in found.modules] == [
        ("changed", "0"),
        ("changed", "1"),
        ("added", "3"),
    ]
    assert found.differs
    assert not found.rows
    wrapped = netinspect.diff(nn.Sequential(one), other).record
    assert [(each.old_path, each.new_path) for each in wrapped.modules][:2] == [
        ("0.0", "0"),
        ("0.1", "1"),
    ]


def test_diff_reports_requires_grad_and_dtype() -> None:
    one, other = nn.Linear(3, 4), nn.Linear(3, 4).half()
    other.bias.requires_grad_(False)
    (weight, bias) = netinspect.diff(one, other).record.rows
    assert weight.differs == ("dtype",)
    assert bias.differs == ("dtype", "trainable")


def test_diff_of_pruned_heads_reports_only_sizes() -> None:
    config = transformers.BertConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=8, vocab_size=9
    )
    one, other = transformers.BertModel(config), transformers.BertModel(config)
    attention = other.get_submodule("encoder.layer.1.attention")
    for name in ("query", "key", "value"):
        attention.get_submodule("self").register_module(name, nn.Linear(16, 12))
    attention.get_submodule("output").register_module("dense", nn.Linear(12, 16))
    report = netinspect.diff(one, other).record
    assert (report.added, report.removed, report.changed) == (0, 0, 7)


def test_diff_of_a_saved_trace_equals_diff_of_the_model(tmp_path: Path) -> None:
    model = TinyGPT()
    netinspect.save(netinspect.load(model, run=False), tmp_path / "trace.json")
    assert not netinspect.diff(model, tmp_path / "trace.json").record.differs


def test_diff_does_not_change_the_model(tmp_path: Path) -> None:
    model = TinyGPT()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    netinspect.diff(model, save(model.state_dict(), tmp_path / "x"))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert model.training


def test_compare_values_rejects_a_model(tmp_path: Path) -> None:
    file = save(TinyGPT().state_dict(), tmp_path / "x")
    with pytest.raises(UsageError, match="expected a checkpoint, got a model") as caught:
        netinspect.diff(file, TinyGPT(), compare_values=True)
    assert "torch.save(model.state_dict()" in str(caught.value.hint)
    with pytest.raises(UsageError, match="needs the values"):
        netinspect.diff(file, file, sort="change")
    with pytest.raises(UsageError, match="cannot sort by 'size'"):
        netinspect.diff(file, file, sort="size", compare_values=True)
    with pytest.raises(UsageError, match="both sides are models"):
        netinspect.diff(TinyGPT(), TinyGPT(), section="model")
