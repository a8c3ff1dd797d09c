"""Tensor modes: selection, warnings and cost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import netinspect
from netinspect.errors import UsageError
from netinspect.targets.zero_weights import ZeroWeights
from tests.nets import valued
from tests.support import PATIENCE

NETS = ["Item", "Branch", "Mask", "Numpy", "Writes", "Inverts", "Builds", "BuildsFromWeights", "Refuses"]


@pytest.mark.parametrize("name", NETS)
def test_trace_target_falls_back_to_values(name: str) -> None:
    trace = netinspect.load(f"tests.nets.valued:{name}")
    assert trace.failure is None
    assert trace.tensor_mode == ("real" if name in ("Inverts", "Refuses") else "zeros")
    weight = next(each for each in trace.parameters if each.name == "layer.weight")
    assert weight.spec.shape == (valued.LARGE, valued.LARGE)
    assert weight.spec.bytes == 4 * valued.LARGE**2
    assert len({each.identity for each in trace.parameters}) == len(trace.parameters)
    notes = " ".join(trace.warnings)
    assert ("large weights are zeros here" in notes) == (
        trace.tensor_mode == "zeros" and name != "Writes"
    )
    assert ("weight values in a way that fails on zeros" in notes) == (name == "Inverts")
    assert ("cannot be built on zero-filled tensors" in notes) == (name == "Refuses")


@pytest.mark.parametrize("name", ["Item", "Branch", "Mask", "Numpy"])
def test_meta_trace_ends_at_value_read(name: str) -> None:
    trace = netinspect.load(f"tests.nets.valued:{name}", tensors="meta")
    assert trace.tensor_mode == "meta"
    assert trace.failure is not None
    assert trace.steps
    assert "forward needs values, which tensors on the meta device do not have" in trace.warnings[-1]


def test_steps_equal_in_every_tensor_mode() -> None:
    traces = {
        on: netinspect.load("tests.nets.inference:Big", tensors=on)
        for on in ("meta", "zeros", "fake", "real")
    }
    assert [trace.tensor_mode for trace in traces.values()] == ["meta", "zeros", "fake", "real"]
    shapes = {
        on: [(step.name, step.module, _shapes(step.output)) for step in trace.steps]
        for on, trace in traces.items()
    }
    assert shapes["meta"] == shapes["zeros"] == shapes["fake"] == shapes["real"]
    sizes = {on: sum(each.spec.bytes for each in trace.parameters) for on, trace in traces.items()}
    assert len(set(sizes.values())) == 1


def _shapes(value: object) -> object:
    return getattr(value, "shape", None)


@pytest.mark.parametrize("option", ["values", "stats", "backward"])
def test_values_use_real_weights(option: str) -> None:
    trace = netinspect.load("tests.nets.valued:Item", **{option: True})  # type: ignore[arg-type]
    assert trace.tensor_mode == "real"


def test_statistics_if_small_take_real_weights_of_small_models_only() -> None:
    """`Big` has a weight that is zero-filled, but few enough elements for real ones."""
    small = netinspect.load("tests.nets.inference:Big", stats="if_small")
    assert small.tensor_mode == "real"
    assert all(each.statistics for each in small.parameters)


@pytest.mark.parametrize("tensors", ["auto", "zeros", "meta"])
def test_statistics_if_small_are_left_out_without_weights(
    tensors: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("netinspect.runner.tensor_modes._WORTH_META", 1000)
    trace = netinspect.load("tests.nets.inference:Big", stats="if_small", tensors=tensors)
    assert trace.tensor_mode == ("meta" if tensors == "auto" else tensors)
    assert not any(each.statistics or each.distribution for each in trace.parameters)
    assert trace.failure is None


def test_small_model_is_real() -> None:
    assert netinspect.load("lenet").tensor_mode == "real"


def test_live_model_keeps_device() -> None:
    with torch.device("meta"):
        model = nn.Linear(3, 2)
    assert netinspect.load(model, args=(torch.ones(1, 3, device="meta"),)).tensor_mode == "meta"
    assert netinspect.load(model).tensor_mode == "meta"
    assert netinspect.load(nn.Linear(3, 2)).tensor_mode == "real"
    with pytest.raises(UsageError, match="cannot run a live model on meta tensors"):
        netinspect.load(nn.Linear(3, 2), tensors="meta")
    assert netinspect.load(nn.Linear(3, 2), device="cpu").tensor_mode == "real"
    with pytest.raises(UsageError, match=r"cannot run (a live model )?on cuda:0: "):
        netinspect.load(nn.Linear(3, 2), device="cuda:0")


def test_missing_device_raises() -> None:
    with pytest.raises(UsageError, match="cannot run on device nonsense"):
        netinspect.load("lenet", device="nonsense")


# --- zero-filled weights ------------------------------------------------------------------------------


def test_zero_weights_fills_large_tensors_only() -> None:
    torch.manual_seed(0)
    with ZeroWeights() as weights:
        large, small = nn.Linear(2000, 2000), nn.Linear(20, 20)
        zeros, ones = torch.zeros(1 << 20), torch.ones(1 << 10, 1 << 10)
        places, like = torch.zeros(1 << 20, dtype=torch.int64), torch.randn_like(zeros)
        new = zeros.new_empty((2, 1 << 20), dtype=torch.float64)
    assert weights.made == 4
    assert all(map(weights.holds, (large.weight, zeros, like, new)))
    assert large.weight.requires_grad
    assert large.weight.is_contiguous()
    assert not any(map(weights.holds, (small.weight, ones, places)))
    assert small.weight.std() > 0
    assert torch.equal(zeros, torch.zeros(1 << 20))
    assert torch.equal(ones, torch.ones(1 << 10, 1 << 10))
    assert like.unique().tolist() == [0]
    assert new.shape == (2, 1 << 20)
    assert new.dtype == torch.float64


def test_zero_weights_start_after_a_million_elements() -> None:
    with ZeroWeights() as zeros:
        layers = [nn.Linear(512, 512, bias=False) for _ in range(40)]
    are_plain = [not zeros.holds(layer.weight) for layer in layers]
    assert are_plain == [True] * 3 + [False] * 37
    with ZeroWeights() as zeros:
        _ = [nn.Linear(512, 512) for _ in range(3)]
    assert not zeros.made


def test_zero_weights_are_writable_and_separate() -> None:
    with ZeroWeights():
        one, other = torch.empty(1 << 20), torch.empty(1 << 20)
    one[3] = 1
    assert one.sum().item() == 1
    assert other.sum().item() == 0


def test_zero_weights_keep_type() -> None:
    with ZeroWeights() as zeros:
        tensor = torch.zeros(1 << 20)
        for changed in (tensor.half(), tensor.to(torch.bfloat16), tensor.clone(), tensor.contiguous()):
            assert zeros.holds(changed)
            assert changed.shape == tensor.shape
        assert tensor.half().dtype == torch.float16
        assert tensor.clone() is not tensor
        assert tensor.contiguous() is tensor
        assert tensor.normal_() is tensor
        assert tensor.unique().tolist() == [0]
    with pytest.raises(TypeError):
        torch.zeros("many")  # type: ignore[arg-type]


def test_zero_weights_keep_errors_of_torch() -> None:
    with ZeroWeights(), pytest.raises(TypeError):
        torch.zeros("many")  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.libraries
def test_zero_weights_of_transformer_take_no_memory() -> None:
    # In a process of its own, whose peak is not that of other tests.
    program = (
        "import torch; from torch import nn; from netinspect.targets.zero_weights import ZeroWeights\n"
        "from tests.support import peak_memory\n"
        "peak = lambda: peak_memory() >> 20\n"
        "before = peak()\n"
        "with ZeroWeights():\n"
        "    layer = nn.TransformerEncoderLayer(1024, 16, 8192, batch_first=True)\n"
        "    model = nn.TransformerEncoder(layer, 12).eval()\n"
        "with torch.no_grad(): model(torch.zeros(1, 8, 1024))\n"
        "print(sum(each.numel() for each in model.parameters()), peak() - before)\n"
    )
    completed = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    elements, mebibytes = map(int, completed.stdout.split())
    assert elements > 200_000_000
    assert mebibytes < 120


# --- what is too large for any machine -----------------------------------------------------------

LLAMA_405B = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 16384,
    "intermediate_size": 53248,
    "num_attention_heads": 128,
    "num_hidden_layers": 126,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "torch_dtype": "bfloat16",
    "tie_word_embeddings": False,
}

MEASURED = """
import runpy, sys
from tests.support import peak_memory
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    print(peak_memory() >> 20, file=sys.stderr)
"""


@pytest.mark.slow
@pytest.mark.libraries
def test_405_billion_parameters_in_little_memory(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA_405B))
    runner = Path(__file__).parents[1] / "operators.py"
    completed = subprocess.run(
        [sys.executable, "-c", MEASURED, runner, "summary", f"transformers:{tmp_path}", "-f", "json"],
        env={**os.environ, "PYTHONPATH": str(runner.parents[1])},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert completed.returncode == 0, completed.stderr
    summary = json.loads(completed.stdout)
    # By hand: embeddings and head 2 * 128256 * 16384; each layer 4 projections of attention, 3 of the
    # feed-forward network and 2 norms; one norm at the end.
    layer = 2 * 16384**2 + 2 * 16384 * 1024 + 3 * 16384 * 53248 + 2 * 16384
    expected = 2 * 128256 * 16384 + 126 * layer + 16384
    assert expected == 405_853_388_800
    assert summary["totals"]["parameters"] == expected
    assert summary["totals"]["bytes"] == 2 * expected
    assert int(completed.stderr.split()[-1]) < 1500


def test_user_error_is_not_blamed_on_zero_weights() -> None:
    trace = netinspect.load("tests.nets.valued:Singular", inputs=[f"1x{valued.LARGE}"])
    assert trace.failure is not None
    assert "singular" in trace.failure.message
    assert trace.tensor_mode == "real"
    assert trace.warnings == ()


@pytest.mark.parametrize("on", ["meta", "zeros", "fake"])
def test_values_refused_without_values(on: str) -> None:
    with pytest.raises(UsageError, match="has no values"):
        netinspect.load("lenet", tensors=on, stats=True, run=False)


@pytest.mark.libraries
def test_experts_run_on_fake_tensors(capfd: pytest.CaptureFixture[str]) -> None:
    sizes = {"num_hidden_layers": 1, "hidden_size": 64, "intermediate_size": 32, "vocab_size": 99}
    trace = netinspect.load("transformers:mixtral", model_args=sizes, tensors="fake")
    assert trace.failure is None
    assert capfd.readouterr().err == ""


def test_model_without_forward_is_built_once(tmp_path: Path) -> None:
    file = tmp_path / "held.py"
    file.write_text("from torch import nn\n\nclass Held(nn.Module):\n    built = 0\n"
                    "    def __init__(self):\n        super().__init__()\n        Held.built += 1\n"
                    "        self.layer = nn.Linear(3, 2)\n")  # fmt: skip
    trace = netinspect.load(str(file))
    assert trace.failure is None
    assert not trace.ran
    assert trace.attempts == ()
    assert trace.no_forward is not None
