"""Tests of the sample models: descriptions, published sizes, and values and gradients of lenet."""

from __future__ import annotations

import ast

import pytest
import torch

import netinspect
from netinspect.inputs.spec import parse_spec
from netinspect.reports.params.record import Parameters
from netinspect.reports.summary.record import Summary
from netinspect.targets.samples import describe_sample, sample_names, samples_folder
from netinspect.targets.target import parse_target
from tests.support import build_module

PUBLISHED = {"lenet": 44_426, "alexnet": 61_100_840, "resnet18": 11_689_512}


@pytest.mark.parametrize("name", sample_names())
def test_describe_sample(name: str) -> None:
    sample = describe_sample(name)
    assert 10 < len(sample.description) < 70
    assert sample.inputs
    model = build_module(parse_target(name), {}, seed=0)
    assert type(model).__name__ == sample.class_name
    assert all(parse_spec(text).name for text in sample.inputs)


@pytest.mark.parametrize("name", sample_names())
def test_sample_runs_and_all_parameters_get_gradients(name: str) -> None:
    trace = netinspect.load(name, backward=True, train=True)
    assert trace.failure is None
    assert trace.warnings == ()
    without_gradient = [entry.name for entry in trace.parameters if entry.gradient is None]
    assert without_gradient == []


@pytest.mark.parametrize(("name", "count"), PUBLISHED.items())
def test_sample_parameter_count_is_published_one(name: str, count: int) -> None:
    model = build_module(parse_target(name), {}, seed=0)
    assert sum(parameter.numel() for parameter in model.parameters()) == count
    report = netinspect.summary(name).record
    assert isinstance(report, Summary)
    assert report.totals.parameters == count


def test_lenet_matches_tutorial_code() -> None:
    tree = ast.parse((samples_folder() / "lenet.py").read_text(encoding="utf-8"))
    (cls,) = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    forward = next(
        node for node in cls.body if isinstance(node, ast.FunctionDef) and node.name == "forward"
    )
    assert [ast.unparse(statement) for statement in forward.body[1:]] == [
        "x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))",
        "x = F.max_pool2d(F.relu(self.conv2(x)), (2, 2))",
        "x = x.view(x.size()[0], -1)",
        "x = F.relu(self.fc1(x))",
        "x = F.relu(self.fc2(x))",
        "x = F.relu(self.fc3(x))",
        "return x",
    ]
    model = build_module(parse_target("lenet"), {}, seed=0)
    shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    assert shapes["conv1.weight"] == (6, 1, 5, 5)
    assert shapes["conv2.weight"] == (16, 6, 5, 5)
    assert shapes["fc1.weight"] == (120, 256)


def test_lenet_step_shapes_match_tutorial() -> None:
    report = netinspect.trace("lenet").record
    shapes = [row.output.shape for row in report.rows if row.output is not None]  # type: ignore[union-attr]
    distinct = [shape for index, shape in enumerate(shapes) if index == 0 or shape != shapes[index - 1]]
    assert distinct == [
        (10, 6, 24, 24), (10, 6, 12, 12), (10, 16, 8, 8), (10, 16, 4, 4), (10, 256),
        (10, 120), (10, 84), (10, 10),
    ]  # fmt: skip
    assert report.header.inputs[0].spec.endswith("10x1x28x28")


def test_params_values_and_statistics_of_lenet() -> None:
    model = build_module(parse_target("lenet"), {}, seed=0)
    report = netinspect.params("lenet", values=True, stats=True).record
    assert isinstance(report, Parameters)
    for row, (name, parameter) in zip(report.rows, model.named_parameters(), strict=True):
        assert row.name == name
        assert row.values == repr(parameter)
        assert row.statistics is not None
        values = parameter.detach().double()
        assert row.statistics.mean == pytest.approx(float(values.mean()))
        assert row.statistics.std == pytest.approx(float(values.std()))
        assert row.statistics.min == float(values.min())
        assert row.statistics.max == float(values.max())


def test_gradients_of_lenet_match_autograd() -> None:
    model = build_module(parse_target("lenet"), {}, seed=0).eval()
    x = torch.randn(3, 1, 28, 28)
    trace = netinspect.load(model, args=(x,), backward=True, seed=5)
    output = model(x)
    noise = torch.randn(output.shape, generator=torch.Generator().manual_seed(5))
    output.backward(noise)
    for entry, parameter in zip(trace.parameters, model.parameters(), strict=True):
        assert entry.gradient is not None
        assert parameter.grad is not None
        assert entry.gradient.norm == pytest.approx(float(parameter.grad.double().norm()), rel=1e-5)
