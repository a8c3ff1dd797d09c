"""Tests of the choice of the compared section of a training checkpoint, and of the note on the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import netinspect
from netinspect.errors import UsageError
from netinspect.reports.diff.record import Diff


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))


def training(file: Path, trained: nn.Module, **more: object) -> str:
    optimizer = torch.optim.Adam(trained.parameters())
    trained(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    torch.save({"optimizer": optimizer.state_dict(), "epoch": 3, **more}, file)
    return str(file)


def sections(report: Diff) -> tuple[str, str]:
    return report.a.section, report.b.section


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict", "net", "anything"])
def test_choose_section_prefers_the_model_over_the_optimizer(tmp_path: Path, key: str) -> None:
    model = net()
    file = training(tmp_path / "x.pt", model, **{key: model.state_dict()})
    report = netinspect.diff(net(), file).record
    assert not report.differs
    assert report.b.section == key
    ((part, count),) = [(each.section, each.tensors) for each in report.b.left_out]
    assert (part, count) == ("optimizer", 12)
    assert report.loading is not None
    assert report.loading.mapping is not None
    assert f"['{key}']" in report.loading.mapping.lines[0]


def test_choose_section_prefers_the_model_over_its_average(tmp_path: Path) -> None:
    model = net()
    file = training(tmp_path / "x.pt", model, ema=model.state_dict(), model=model.state_dict())
    report = netinspect.diff(file, net()).record
    assert report.a.section == "model"
    assert report.a.section_reason == "several sections match equally well"
    assert {each.section for each in report.a.left_out} == {"ema", "optimizer"}
    assert netinspect.diff(file, net(), section="ema").record.a.section == "ema"


def test_choose_section_by_match_whatever_its_name(tmp_path: Path) -> None:
    other = nn.Sequential(nn.Conv2d(3, 4, 3))
    file = training(tmp_path / "x.pt", net(), model=other.state_dict(), teacher=net().state_dict())
    report = netinspect.diff(net(), file).record
    assert report.b.section == "teacher"
    assert report.b.section_reason == "best match with the other side"


def test_choose_section_compares_all_shared_sections(tmp_path: Path) -> None:
    model = net()
    one = training(tmp_path / "1.pt", model, model=model.state_dict(), ema=model.state_dict())
    other = training(tmp_path / "2.pt", model, model=model.state_dict())
    report = netinspect.diff(one, other).record
    assert not report.differs
    assert sections(report) == ("model", "model")
    assert report.a.sections == report.b.sections == ("optimizer",)
    assert [each.section for each in report.a.left_out] == ["ema"]
    assert any(group.path.startswith("optimizer") for group in report.groups)


def test_choose_section_of_a_flat_and_a_nested_file(tmp_path: Path) -> None:
    model = net()
    one = training(tmp_path / "1.pt", model, state_dict=model.state_dict())
    torch.save(model.state_dict(), tmp_path / "2.pt")
    report = netinspect.diff(one, str(tmp_path / "2.pt")).record
    assert sections(report) == ("state_dict", "")
    assert not report.differs


def test_section_option_rejects_an_unknown_section(tmp_path: Path) -> None:
    model = net()
    file = training(tmp_path / "x.pt", model, model=model.state_dict())
    with pytest.raises(UsageError, match="has no section 'modle'") as caught:
        netinspect.diff(net(), file, section="modle")
    assert "did you mean 'model'" in str(caught.value.hint)
    torch.save(model.state_dict(), tmp_path / "flat.pt")
    with pytest.raises(UsageError, match="has no section 'model'") as caught:
        netinspect.diff(tmp_path / "flat.pt", tmp_path / "flat.pt", section="model")
    assert "flat dictionary" in str(caught.value.hint)
    found = netinspect.diff(file, tmp_path / "flat.pt", section="model").record
    assert sections(found) == ("model", "")


def test_section_option_with_a_section_of_one_checkpoint(tmp_path: Path) -> None:
    model = net()
    one = training(tmp_path / "1.pt", model, model=model.state_dict())
    torch.save({"model": model.state_dict()}, tmp_path / "2.pt")
    for pair in ((one, tmp_path / "2.pt"), (tmp_path / "2.pt", one)):
        with pytest.raises(UsageError, match=r"2\.pt has no section 'optimizer'"):
            netinspect.diff(*pair, section="optimizer")
    both = netinspect.diff(one, one, section="optimizer").record
    assert both.a.tensors == 12
    assert not both.differs


def test_diff_of_a_pickled_module_compares_its_state_dict(tmp_path: Path) -> None:
    torch.save(net(), tmp_path / "whole.pt")
    report = netinspect.diff(net(), tmp_path / "whole.pt").record
    assert not report.differs
    torch.save({"model": net(), "epoch": 1}, tmp_path / "inside.pt")
    assert netinspect.diff(tmp_path / "inside.pt", net()).record.a.section == "model"


def test_diff_of_a_file_with_only_an_optimizer(tmp_path: Path) -> None:
    file = training(tmp_path / "x.pt", net())
    report = netinspect.diff(net(), file).record
    assert report.removed == 4
    assert not netinspect.diff(file, file).record.differs
