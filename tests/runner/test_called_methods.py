"""Tests of runs of another method than forward."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import netinspect
from netinspect.errors import UsageError
from tests import forked
from tests.nets.methods import Autoencoder, Keyed, Refusing


@pytest.mark.parametrize(
    ("call", "argument", "shape"),
    [
        ("encode", "image", (1, 12)),
        ("decode", "code", (1, 3)),
        ("predict", "x", (1, 12)),
        ("direct", "x", (1, 12)),
        ("generate", "x", (1, 12)),
    ],
)
def test_call_inputs_are_inferred_for_its_signature(
    call: str, argument: str, shape: tuple[int, ...]
) -> None:
    trace = netinspect.load("tests.nets.methods:Autoencoder", call=call)
    assert trace.failure is None
    assert [(each.name, each.value.shape) for each in trace.inputs] == [(argument, shape)]  # type: ignore[union-attr]


def test_call_dictionary_keys_are_read_from_the_method() -> None:
    trace = netinspect.load(Keyed(), call="score")
    assert trace.failure is None
    assert [each.spec for each in trace.inputs] == ["batch.ids=1x16:int64:0..49"]


def test_call_root_is_the_first_step_without_hooks() -> None:
    model = Autoencoder()
    trace = netinspect.load(model, call="encode", inputs="2x12")
    assert trace.steps[0].kind == "module"
    assert trace.steps[0].module == ""
    assert model.calls == []
    assert trace.output is not None
    assert trace.output.shape == (2, 3)  # type: ignore[union-attr]
    assert [step.module for step in trace.steps if step.kind == "module"][1] == "encoder"


def test_call_method_that_calls_the_model_runs_its_hooks() -> None:
    model = Autoencoder()
    trace = netinspect.load(model, call="predict", args=[torch.ones(1, 12)])
    roots = [step for step in trace.steps if step.kind == "module" and step.module == ""]
    assert [(step.index, step.parent, step.call) for step in roots] == [(0, None, 1), (1, 0, 2)]
    assert netinspect.cost(trace).record.total.macs == netinspect.cost(model).record.total.macs


def test_call_values_and_keyword_arguments() -> None:
    trace = netinspect.load(Autoencoder(), call="decode", args=[torch.ones(5, 3)], kwargs={"scale": 0.5})
    assert trace.failure is None
    assert [each.name for each in trace.inputs] == ["code", "scale"]


def test_call_static_method() -> None:
    trace = netinspect.load(Autoencoder(), call="rescale", inputs="3")
    assert [step.name for step in trace.steps] == ["Autoencoder", "mul"]


@pytest.mark.parametrize(
    ("call", "hint"),
    [
        ("encod", "did you mean 'encode' or 'decode'?"),
        ("size", "methods that take an input: encode, decode, predict, direct, generate"),
        ("train", "methods that take an input"),
        ("calls", "methods that take an input"),
        ("encoder.forward", "to run forward of its module encoder, inspect that module"),
    ],
)
def test_call_wrong_name_is_refused(call: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        netinspect.load(Autoencoder(), call=call)
    assert hint in str(caught.value.hint)


def test_call_wrong_argument_names_the_method() -> None:
    with pytest.raises(UsageError, match=r"Autoencoder\.decode has no argument 'image'"):
        netinspect.load(Autoencoder(), call="decode", inputs="image=1x3")


def test_call_refused_forward_names_the_command() -> None:
    trace = netinspect.load(Refusing())
    failure = netinspect.summary(trace).record.header.failure
    assert failure is not None
    assert len(trace.attempts) == 1
    assert "--call encode" in failure.remedies[0]
    assert netinspect.load(Refusing(), call="encode").failure is None


def test_call_saved_trace(tmp_path: Path) -> None:
    trace = netinspect.load(Autoencoder(), call="encode")
    netinspect.save(trace, tmp_path / "t.json")
    assert netinspect.load(tmp_path / "t.json") == trace
    with pytest.raises(UsageError, match="cannot be run again"):
        netinspect.load(tmp_path / "t.json", call="decode")


def test_call_memory() -> None:
    encoded = netinspect.memory(Autoencoder(), call="encode", inputs="64x12").record
    whole = netinspect.memory(Autoencoder(), inputs="64x12").record
    assert encoded.peak.total < whole.peak.total


def test_call_command_line(tmp_path: Path) -> None:
    for command in ("summary", "trace", "cost", "source", "graph", "memory"):
        ran = forked.run(command, "tests.nets.methods:Autoencoder", "--call", "encode")
        assert ran.code == 0, (command, ran.err)
    shown = forked.run("summary", "tests.nets.methods:Autoencoder", "--call", "encode")
    assert "ran encode() instead of forward" in shown.out
    wrong = forked.run("summary", "tests.nets.methods:Autoencoder", "--call", "encod")
    assert wrong.code == 2
    assert "did you mean 'encode'" in wrong.err
