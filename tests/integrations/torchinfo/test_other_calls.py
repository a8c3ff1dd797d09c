"""One case for each of the other 25 tests of torchinfo: large models, errors, devices, half precision.

The tests have the names of torchinfo's, so that the two can be compared.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest
import torch
from torch import nn

from netinspect.errors import NetinspectError
from netinspect.torchinfo import ColumnSettings, ModelStatistics, summary
from tests.integrations.torchinfo import nets
from tests.integrations.torchinfo.case import call, check_sums, column, run, state_of

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
needs_gpus = pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")


def leaves(result: ModelStatistics, attribute: str) -> int:
    return sum(getattr(each, attribute) for each in result.summary_list if each.is_leaf_layer)


def torchvision_model(name: str, **options: Any) -> nn.Module:
    models = import_module("torchvision.models")
    model: nn.Module = models.get_model(name, weights=None, **options)
    return model


# --- large models ----------------------------------------------------------------------------------

RESNET18 = 11_689_512, 1_813_561_344 * 64**2 // 224**2 + 512_000  # at 64 x 64
RESNET50 = 25_557_032, 4_089_184_256  # at 224 x 224, as torchvision publishes it
RESNET152 = 60_192_808, 11_513_626_624


def test_ascii_only() -> None:
    model = torchvision_model("resnet18")
    result = summary(model, depth=3, input_size=(1, 3, 64, 64), row_settings=["ascii_only"])
    assert str(result).isascii()
    assert (result.total_params, result.total_mult_adds) == RESNET18


def test_frozen_layers() -> None:
    model = torchvision_model("resnet18")
    frozen = [*model.parameters()][:30]
    for parameter in frozen:
        parameter.requires_grad = False
    names = ("output_size", "num_params", "kernel_size", "mult_adds")
    result = summary(model, input_size=(1, 3, 64, 64), depth=3, col_names=names)
    assert result.total_params - result.trainable_params == sum(p.numel() for p in frozen)
    assert column(result, "num_params")[1] == "(9,408)"
    assert "(number): not trainable" in str(result)


def test_eval_order_doesnt_matter() -> None:
    image, outputs = torch.ones(1, 3, 64, 64), []
    for before in (True, False):
        torch.manual_seed(0)
        model = torchvision_model("resnet18")
        if before:
            model.eval()
        summary(model, input_size=image.shape, mode="same" if before else "eval")
        model.eval()
        with torch.inference_mode():
            outputs.append(model(image))
    assert torch.equal(*outputs)


def test_resnet18_depth_consistency() -> None:
    model = torchvision_model("resnet18")
    names = (ColumnSettings.OUTPUT_SIZE, ColumnSettings.NUM_PARAMS, ColumnSettings.PARAMS_PERCENT)
    for depth in (1, 2):
        result = summary(model, (1, 3, 64, 64), col_names=names, depth=depth, cache_forward_pass=True)
        assert (result.total_params, result.total_mult_adds) == RESNET18
        shares = [float(each[:-1]) for each in column(result, "params_percent") if each[-1] == "%"]
        assert sum(shares) == pytest.approx(100, abs=0.1)


@pytest.mark.slow
def test_resnet50() -> None:
    result = summary(torchvision_model("resnet50"), input_size=(2, 3, 224, 224))
    assert (result.total_params, result.total_mult_adds) == (RESNET50[0], 2 * RESNET50[1])
    assert result.total_mult_adds == leaves(result, "macs")


@pytest.mark.slow
def test_resnet152() -> None:
    result = summary(torchvision_model("resnet152"), (1, 3, 224, 224), depth=3)
    assert (result.total_params, result.total_mult_adds) == RESNET152


@pytest.mark.slow
def test_fasterrcnn() -> None:
    model = torchvision_model("fasterrcnn_resnet50_fpn", weights_backbone=None)
    result = summary(model, input_size=(1, 3, 112, 112))
    assert result.total_params == sum(p.numel() for p in model.parameters())
    check_sums(result)


def test_genotype() -> None:
    depthwise = 32 * 32 * 6 * 9
    macs = 2 * (32 * 32 * 6 * 27 + 2 * 2 * depthwise + 60)
    for depth in (3, 7):
        run(call(nets.Searched, (2, 3, 32, 32), depth=depth, cache_forward_pass=True, macs=macs))


def test_tmva_net_column_totals() -> None:
    encoder = 1 * 4 * 2 * 64 + 4 * 4 * 9 * 64
    macs = 3 * encoder + 12 * 6 * 64 + 6 * 64 * 2 * 4
    for depth in (1, 3, 5):
        result = run(
            call(
                nets.Views,
                input_data=[torch.randn(1, 1, 2, 8, 8) for _ in range(3)],
                col_names=["output_size", "num_params", "mult_adds"],
                depth=depth,
                cache_forward_pass=True,
                macs=macs,
            )
        )
        assert result.total_params == leaves(result, "num_params")
        assert result.total_mult_adds == leaves(result, "macs")


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "is_called"), [("eval", False), ("train", True)])
def test_google(mode: str, is_called: bool) -> None:
    model = torchvision_model("googlenet", init_weights=False)
    before = state_of(model)[1]
    result = summary(model, (2, 3, 112, 112), depth=7, mode=mode)
    assert any(each.class_name == "InceptionAux" for each in result.summary_list) is is_called
    assert ("never called: aux1" in str(result)) is not is_called
    assert result.total_params == 13_004_888
    assert state_of(model)[1] == before
    check_sums(result)


def test_flan_t5_small() -> None:
    from transformers import T5Config, T5ForConditionalGeneration

    torch.manual_seed(0)
    config = T5Config(vocab_size=64, d_model=16, d_kv=4, d_ff=32, num_layers=2, num_heads=2)
    config.decoder_start_token_id = 0
    model = T5ForConditionalGeneration(config)
    ids = torch.zeros(3, 10, dtype=torch.long)
    given = {"input_ids": ids, "attention_mask": ids, "labels": ids}
    result = summary(model, input_data=given)
    assert result.total_params == sum(p.numel() for p in model.parameters())
    check_sums(result)
    width, inner, tokens = 16, 8, 30
    attention = 4 * tokens * width * inner + 2 * tokens * 10 * inner
    feed = 2 * tokens * width * 32
    assert (
        result.total_mult_adds == 2 * (attention + feed) + 2 * (2 * attention + feed) + tokens * 16 * 64
    )


# --- exceptions ------------------------------------------------------------------------------------

LAYER = nn.Linear(28, 4)
INVALID: tuple[tuple[type[Exception], dict[str, Any], str], ...] = (
    (ValueError, {"verbose": 4}, "verbose 0, 1 or 2"),
    (ValueError, {"input_size": (1, 28), "col_names": ("invalid",)}, "col_names does not have"),
    (ValueError, {"col_width": 0}, "col_width above 0"),
    (ValueError, {"row_settings": ("invalid",)}, "row_settings does not have"),
    (ValueError, {"col_names": ("output_size",)}, "need an input"),
    (ValueError, {"mode": "invalid", "input_size": (1, 28)}, "mode does not have"),
    (TypeError, {"depth": None}, "expected a number as depth, got None"),
    (RuntimeError, {"input_size": (1, 28), "input_data": torch.ones(1, 28)}, "got both"),
    (RuntimeError, {"input_size": (1, 28), "device": "invalid"}, "'invalid' is not a device"),
)


@pytest.mark.parametrize(
    ("kind", "options", "message"), INVALID, ids=[message for _, _, message in INVALID]
)
def test_invalid_user_params(kind: type[Exception], options: dict[str, Any], message: str) -> None:
    with pytest.raises(kind, match=message) as raised:
        summary(LAYER, **options)
    assert isinstance(raised.value, NetinspectError)


def test_class_instead_of_instance() -> None:
    with pytest.raises(TypeError, match="got the class Digits") as raised:
        summary(nets.Digits, (1, 1, 28, 28))  # type: ignore[arg-type]
    assert "build it first: Digits()" in str(raised.value)


def test_depth_below_zero_shows_totals_only() -> None:
    result = summary(nets.Digits(), (1, 1, 28, 28), depth=-1, col_names=list(ColumnSettings))
    lines = str(result).splitlines()
    assert lines[0] == "Digits"
    assert lines[1].startswith("Total params: ")
    assert result.total_mult_adds == nets.DIGITS_MACS
    assert "<table" not in result._repr_html_()


def test_incorrect_model_forward() -> None:
    with pytest.raises(RuntimeError, match=r"conv \(Conv2d\) failed"):
        summary(nets.Failing(), input_size=(5, 1, 28, 28))
    with pytest.raises(RuntimeError):
        summary(nets.Failing(), input_data=[[[torch.randn(1, 28, 28)]]])
    # A layer that returns a string or a class runs: torchinfo raises for both.
    for value in ("text", nets.Failing):
        run(call(lambda value=value: nets.OtherValues(value), (1, 1, 8, 8), macs=36 * 4 * 9))  # type: ignore[misc]


@pytest.mark.parametrize(
    ("kind", "size"),
    [
        (ValueError, [(3, 0)]),
        (ValueError, ()),
        (ValueError, (1, -3)),
        (TypeError, {0: 1}),
        (TypeError, "hello"),
        (TypeError, (1.5, 2)),
    ],
    ids=str,
)
def test_input_size_possible_exceptions(kind: type[Exception], size: Any) -> None:
    with pytest.raises(kind, match="input_size"):
        summary(nets.OnlyWeight(), input_size=size)


def test_forward_pass_exception() -> None:
    summary(nets.Digits(), input_size=(1, 1, 28, 28))
    with pytest.raises(RuntimeError, match=r"hidden \(Linear\) failed") as raised:
        summary(nets.Digits(), input_size=(1, 1, 20, 20))
    partial = raised.value.statistics  # type: ignore[attr-defined]
    assert partial.summary_list[2].output_size == [1, 16, 4, 4]
    assert "hint: " in str(raised.value)
    with pytest.raises(RuntimeError, match="second"):
        summary(nets.TwoInputs(), input_data=[torch.ones(1, 40)])
    with pytest.raises(TypeError, match=r"expected an nn\.Module, got str"):
        summary("lenet")  # type: ignore[arg-type]


# --- devices ---------------------------------------------------------------------------------------


@needs_gpu
def test_single_layer_network_on_gpu() -> None:
    run(call(lambda: nn.Linear(2, 5).cuda(), input_size=(1, 2), macs=10))


@needs_gpu
def test_single_layer_network_on_gpu_device() -> None:
    run(call(lambda: nn.Linear(2, 5), input_size=(1, 2), device=torch.device("cuda"), macs=10))


@needs_gpu
def test_input_size_half_precision() -> None:
    run(
        call(
            lambda: nn.Linear(2, 5).half().cuda(),
            dtypes=[torch.float16],
            input_size=(10, 2),
            device=torch.device("cuda"),
            macs=100,
        )
    )


@needs_gpu
def test_device() -> None:
    image = torch.randn(5, 1, 28, 28)
    macs = 5 * nets.DIGITS_MACS
    run(call(nets.Digits, input_size=(5, 1, 28, 28), device="cuda", macs=macs))
    run(call(nets.Digits, input_data=image, device="cuda", macs=macs))
    run(call(lambda: nets.Digits().cuda(), input_data=image.cuda(), macs=macs))
    run(call(lambda: nets.Digits().cuda(), input_data=image.cuda(), device="cpu", macs=macs))


def test_device_is_used_for_the_run_only() -> None:
    """The meta device is another device on every machine."""
    model = nets.Digits()
    before = state_of(model)
    result = summary(model, input_size=(5, 1, 28, 28), device="meta")
    assert result.total_mult_adds == 5 * nets.DIGITS_MACS
    assert state_of(model) == before
    result = summary(model, input_data=torch.ones(1, 1, 28, 28), device=torch.device("meta"))
    assert result.trace.steps[0].output.device == "meta"  # type: ignore[union-attr]
    assert state_of(model) == before


@needs_gpus
def test_model_stays_on_device_if_gpu() -> None:
    model = nn.Linear(10, 10).to("cuda:1")
    summary(model)
    assert model.weight.device == torch.device("cuda:1")


@needs_gpus
def test_different_model_parts_on_different_devices() -> None:
    run(call(lambda: nn.Sequential(nn.Linear(9, 9).to(1), nn.Linear(9, 9).to(0)), params=180))


@needs_gpu
def test_device_parallelism() -> None:
    model = nets.Halves("cpu", "cuda")
    summary(model, input_data=torch.randn(6))
    assert not model.first.weight.is_cuda
    assert model.second.weight.is_cuda


# --- half precision --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_single_input_half(dtype: torch.dtype) -> None:
    data = torch.randn(2, 1, 28, 28)
    whole = summary(nets.Digits(), input_data=data)
    half = summary(nets.Digits().to(dtype), input_data=data.to(dtype))
    for attribute in ("total_param_bytes", "total_output_bytes", "total_input"):
        assert 2 * getattr(half, attribute) == getattr(whole, attribute)
    assert half.total_mult_adds == whole.total_mult_adds == 2 * nets.DIGITS_MACS


def test_linear_model_half() -> None:
    whole = summary(nets.Perceptron(), input_data=torch.randn(6, 20))
    half = summary(nets.Perceptron().half(), input_data=torch.randn(6, 20).half())
    assert 2 * half.total_output_bytes == whole.total_output_bytes == 2 * 4 * 6 * (12 + 4)


def test_lstm_half() -> None:
    half = summary(
        nets.Words().half(),
        input_size=(1, 25),
        dtypes=[torch.long],
        col_width=20,
        col_names=("kernel_size", "output_size", "num_params", "mult_adds"),
        row_settings=("var_names",),
    )
    assert half.total_param_bytes == 2 * half.total_params
    states = 2 * 2 * 25 * 16  # hidden and cell state of two layers, for each of 25 columns
    assert half.total_output_bytes == 2 * 2 * (25 * 12 + 25 * 16 + states + 25 * 30)
