"""Tests of the facts about states of torch's optimizers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from netinspect.api import read_checkpoint
from netinspect.reports.summary.checkpoint_compute import build_checkpoint_summary

NAMES = {
    "SGD": "SGD with momentum",
    "Adam": "Adam or AdamW",
    "AdamW": "Adam or AdamW",
    "RAdam": "Adam, AdamW, RAdam, or another that keeps both averages",
    "NAdam": "NAdam",
    "Adamax": "Adamax",
    "Adadelta": "Adadelta",
    "Adagrad": "Adagrad",
    "Adafactor": "Adafactor",
    "ASGD": "ASGD",
    "LBFGS": "LBFGS",
    "RMSprop": "RMSprop",
    "Rprop": "Rprop",
    "Muon": "Muon",
}


@pytest.mark.parametrize("name", NAMES)
def test_optimizer_facts_name_the_optimizer_of_torch(tmp_path: Path, name: str) -> None:
    model = torch.nn.Linear(3, 2, bias=False)
    made = getattr(torch.optim, name, None)
    if made is None:
        pytest.skip(f"this torch has no {name}")
    more = {"momentum": 0.9} if name == "SGD" else {}
    optimizer = made(model.parameters(), lr=0.25, **more)

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        found = model(torch.ones(4, 3)).square().sum()
        found.backward()
        return found

    optimizer.step(loss)
    file = tmp_path / "optimizer.pt"
    torch.save(optimizer.state_dict(), file)
    report = build_checkpoint_summary(read_checkpoint(file))
    assert report.what == "state of an optimizer"
    facts = {fact.label: (fact.text, fact.certain) for fact in report.facts}
    assert facts["optimizer"] == (NAMES[name], False)
    assert facts["learning rate"] == ("0.25", True)


def test_optimizer_facts_of_two_optimizers_in_one_file(tmp_path: Path) -> None:
    model = torch.nn.Linear(3, 2)
    model(torch.ones(4, 3)).square().sum().backward()
    one = torch.optim.Adam(model.parameters(), lr=0.5)
    other = torch.optim.RMSprop(model.parameters(), lr=0.25)
    one.step()
    other.step()
    file = tmp_path / "gan.pt"
    torch.save({"opt_g": one.state_dict(), "opt_d": other.state_dict()}, file)
    facts = build_checkpoint_summary(read_checkpoint(file)).facts
    optimizers = [fact.text for fact in facts if fact.label == "optimizer"]
    assert optimizers == ["RMSprop", "Adam or AdamW"]
    assert [fact.text for fact in facts if fact.label == "learning rates"] == ["0.5, 0.25"]
