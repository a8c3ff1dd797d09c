"""One case for each test of torchinfo's main test file: the same shape of call, on models of our own.

The table has the names of these 67 tests, so that the two can be compared.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from netinspect.torchinfo import ColumnSettings, ModelStatistics, Units, Verbosity, summary
from tests.integrations.torchinfo import nets
from tests.integrations.torchinfo.case import Case, call, case, column, run

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")

D = nets.DIGITS_MACS
IMAGES = torch.randn(3, 1, 28, 28)
TOKENS = torch.zeros(20, 4, dtype=torch.long)
WHOLE = torch.ones(2, 40, dtype=torch.long)
LEVELS = {1: torch.randn(3, 1), 2: [torch.randn(3, 1)]}
Results = Sequence[ModelStatistics]


def pruned() -> nn.Module:
    """Return a model of which half of each weight is masked."""
    model = nets.Digits()
    for layer in (model.early, model.late, model.hidden, model.scores):
        prune.l1_unstructured(layer, "weight", 0.5)
    return model


def hooked() -> nn.Module:
    """Return a model with hooks of its own."""
    model = nets.Shared(named=True)
    model.layer.register_forward_pre_hook(lambda module, inputs: CALLED.append("before"))
    model.layer.register_forward_hook(lambda module, inputs, output: CALLED.append("after"))
    return model


CALLED: list[str] = []


def activations(shared: bool) -> nn.Module:
    """Return three activations, or one three times."""
    acts = [nn.LeakyReLU()] * 3 if shared else [nn.LeakyReLU() for _ in range(3)]
    return nn.Sequential(acts[0], nn.Identity(), acts[1], nn.Identity(), acts[2])


# --- checks of results -----------------------------------------------------------------------------


def sizes(*expected: Any) -> Any:
    def check(results: Results) -> None:
        assert [each.input_size for each in results] == list(expected)

    return check


def output_sizes(*expected: list[int]) -> Any:
    def check(results: Results) -> None:
        for result in results:
            assert [each.output_size for each in result.summary_list] == list(expected)

    return check


def formats(results: Results) -> None:
    (result,) = results
    formatting, macs = result.formatting, 16 * D
    for units, text in ((Units.NONE, f": {macs:,}"), (Units.TERABYTES, f" (T): {macs / 1e12:.2f}")):
        formatting.macs_units = units
        assert f"Total mult-adds{text}\n" in str(result)
    formatting.params_size_units = Units.KILOBYTES
    formatting.params_count_units = Units.MEGABYTES
    assert f"Params size (kB): {result.total_param_bytes / 1e3:.2f}\n" in str(result)
    assert f"Total params (M): {result.total_params / 1e6:.2f}\n" in str(result)
    formatting.params_units = Units.NONE
    assert formatting.params_count_units is Units.NONE


def scripted(results: Results) -> None:
    plain, script = results
    assert [each.class_name for each in plain.summary_list] == [
        each.class_name for each in script.summary_list
    ]
    assert script.summary_list[0].output_size == [6, 4]


def recursive(results: Results) -> None:
    layers = results[0].summary_list
    assert [each.is_recursive for each in layers] == [False, False, *[True] * 4]
    assert layers[2].num_params_to_str(reached_max_depth=False) == "(recursive)"
    assert layers[1].num_params_to_str(reached_max_depth=True) == "148"


def hidden(results: Results) -> None:
    every, first_calls = results
    names = [each.get_layer_name(False, True) for each in every.summary_list]
    assert "LSTMCell: 1-5" in names
    assert "LSTMCell: 1-5" not in str(first_calls)
    assert "Tanh: 1-2" in str(first_calls)
    assert "not shown: " in str(first_calls)


def trainable(results: Results) -> None:
    assert column(results[0], "trainable") == ["Partial", "True", "Partial", "False", "--"]


def hooks_ran(results: Results) -> None:
    assert CALLED == ["before", "after"] * 3
    assert str(results[0]) == str(results[1])


def inner_rows(results: Results) -> None:
    names = column(results[-1], "layer")
    assert "matrix [24, 10]" in names
    assert "weight [5, 10]" not in names


def rows_in_order(*names: str) -> Any:
    def check(results: Results) -> None:
        assert [each.class_name for each in results[0].summary_list] == list(names)

    return check


def all_columns(results: Results) -> None:
    assert results[0].summary_list[1].kernel_size == [5, 5]
    assert column(results[0], "kernel_size")[1] == "[5, 5]"
    assert column(results[0], "params_percent")[0] == "--"
    heading = str(results[0]).splitlines()[1]
    assert [heading.index(each.replace("_", " ")) for each in ColumnSettings]


def groups(results: Results) -> None:
    assert column(results[0], "groups") == ["2"]


def text(results: Results) -> None:
    printed = f"{results[0]}\n"
    assert "Conv2d: 1-1" in printed
    assert printed == str(results[0]) + "\n"


def var_names(results: Results) -> None:
    assert column(results[0], "layer")[1] == "Conv2d (early)"


def packed(results: Results) -> None:
    assert results[0].summary_list[2].is_leaf_layer


def unused_choice(results: Results) -> None:
    conv, pool = results
    assert conv.summary_list[2].class_name == "Conv2d"
    assert pool.summary_list[1].leftover_params() == 5 * 5 * 9 + 5
    assert "never called: " in str(pool)


def namedtuple_sizes(results: Results) -> None:
    assert results[0].input_size == [(2, 3), (2, 3)]


def kernel_of_root(results: Results) -> None:
    assert results[0].summary_list[0].kernel_size == 3


def lstm(results: Results) -> None:
    (result,) = results
    assert column(result, "layer")[2] == "weight"
    assert column(result, "kernel_size")[2] == "[30, 12]"
    assert "weight_ih_l1" in column(result, "layer")
    assert result.summary_list[2].inner_layers["bias_hh_l1"] == {
        ColumnSettings.KERNEL_SIZE: "[64]",
        ColumnSettings.NUM_PARAMS: "64",
    }


def autoencoder(results: Results) -> None:
    unpool = next(each for each in results[0].summary_list if each.class_name == "MaxUnpool2d")
    assert unpool.output_size == [1, 4, 8, 8]


def containers(results: Results) -> None:
    deep, shallow = results
    assert any(each.depth == 4 for each in deep.summary_list)
    listed = next(each for each in deep.summary_list if each.class_name == "ModuleList")
    assert not listed.executed
    assert listed.macs == deep.total_mult_adds
    assert len(column(shallow, "layer")) < len(column(deep, "layer"))


def siamese(results: Results) -> None:
    (result,) = results
    assert result.total_input == 2 * 16 * 16 * 4
    assert ModelStatistics.float_to_megabytes(result.total_input / 4) == pytest.approx(0.002048)
    assert ModelStatistics.to_megabytes(2_500_000) == 2.5


# --- the table -------------------------------------------------------------------------------------

VIEW = ("kernel_size", "input_size", "output_size", "num_params", "mult_adds")
CASES = (
    case("basic_summary", call(nets.Digits, rows=6)),
    case("string_result", call(nets.Digits, input_size=(16, 1, 28, 28), macs=16 * D), check=text),
    case("single_input", call(nets.Digits, (2, 1, 28, 28), macs=2 * D, rows=6)),
    case(
        "input_tensor",
        call(nets.Digits, input_data=IMAGES, macs=3 * D),
        check=sizes(torch.Size([3, 1, 28, 28])),
    ),
    case(
        "batch_size_optimization",
        call(nets.Digits, (1, 28, 28), batch_dim=0, macs=D, rows=6),
        check=sizes([(1, 28, 28)]),
    ),
    case(
        "single_linear_layer",
        call(lambda: nn.Linear(3, 4), params=16, rows=1),
        call(lambda: nn.Linear(3, 4), input_size=(2, 3), macs=2 * 12, rows=1),
    ),
    case(
        "training_mode",
        call(lambda: nn.Linear(3, 4), input_data=torch.zeros(1, 3), mode="train", macs=12),
    ),
    case(
        "uninitialized_tensor",
        call(nets.LateParameter),
        call(nets.LateParameter, input_data=torch.ones(2, 2), params=7),
    ),
    case(
        "multiple_input_types",
        call(
            nets.TwoInputs,
            input_size=[(2, 40), (2, 40)],
            dtypes=[torch.FloatTensor, torch.LongTensor],
            macs=2 * 2 * 320,
        ),
        check=sizes([(2, 40), (2, 40)]),
    ),
    case(
        "single_input_all_cols",
        call(
            nets.Digits,
            input_data=IMAGES,
            depth=1,
            col_names=list(ColumnSettings),
            col_width=20,
            macs=3 * D,
        ),
        check=all_columns,
    ),
    case(
        "groups",
        call(
            lambda: nn.Conv2d(4, 6, 3, groups=2),
            input_data=torch.randn(2, 4, 8, 8),
            depth=1,
            col_names=("kernel_size", "groups", "output_size", "num_params", "mult_adds"),
            col_width=20,
            macs=2 * 36 * 6 * 9 * 2,
        ),
        check=groups,
    ),
    case(
        "linear",
        call(
            lambda: nn.Linear(8, 5),
            input_data=torch.randn(4, 6, 8),
            depth=1,
            col_names=("input_size", "output_size", "num_params", "mult_adds"),
            col_width=20,
            macs=4 * 6 * 40,
        ),
        check=output_sizes([4, 6, 5]),
    ),
    case(
        "single_input_batch_dim",
        call(
            nets.Digits,
            input_size=(1, 28, 28),
            depth=1,
            col_names=VIEW,
            col_width=20,
            batch_dim=0,
            macs=D,
        ),
    ),
    case(
        "pruning",
        call(
            pruned,
            input_size=(4, 1, 28, 28),
            macs=4 * D,
            params=(150 + 2400 + 8192 + 320) // 2 + 6 + 16 + 32 + 10,
        ),
    ),
    case(
        "dict_input",
        call(
            nets.TwoInputs,
            input_data={"first": torch.randn(2, 40), "second": WHOLE},
            macs=2 * 2 * 320,
        ),
    ),
    case(
        "row_settings",
        call(nets.Digits, input_size=(1, 1, 28, 28), row_settings=("var_names",), macs=D),
        check=var_names,
    ),
    case(
        "formatting_options",
        call(nets.Digits, input_size=(16, 1, 28, 28), verbose=0, macs=16 * D),
        check=formats,
    ),
    case(
        "jit",
        call(nets.Perceptron, input_data=torch.randn(6, 20), macs=6 * (240 + 48)),
        call(
            lambda: torch.jit.script(nets.Perceptron()),
            input_data=torch.randn(6, 20),
            macs=6 * (240 + 48),
        ),
        check=scripted,
    ),
    case(
        "partial_jit",
        call(
            nets.PartlyScripted,
            input_data=torch.randn(2, 1, 8, 8),
            macs=2 * (36 * 3 * 9 + 108 * 5),
        ),
    ),
    case("custom_parameter", call(nets.OnlyWeight, input_size=(1,), rows=1)),
    case(
        "parameter_list",
        call(
            nets.Weights,
            input_size=(2, 4),
            verbose=2,
            col_names=list(ColumnSettings),
            col_width=20,
            macs=2 * 4 * 12,
        ),
    ),
    case(
        "dict_parameters_1",
        call(nets.FromMapping, input_data={"levels": LEVELS, "factor": 5}, macs=3),
    ),
    case("dict_parameters_2", call(nets.FromMapping, input_data={"levels": LEVELS}, factor=5, macs=3)),
    case("dict_parameters_3", call(nets.FromMapping, input_data=[LEVELS], factor=5, macs=3)),
    case(
        "dict_with_string_value",
        call(
            nets.FromBatch, input_data=[{"image": torch.rand(1, 3, 4, 4), "label": "cat"}], macs=16 * 6
        ),
    ),
    case(
        "dict_with_none_value",
        call(nets.FromBatch, input_data=[{"image": torch.rand(1, 3, 4, 4), "mask": None}], macs=16 * 6),
    ),
    case(
        "lstm",
        call(
            nets.Words,
            input_size=(1, 25),
            dtypes=[torch.long],
            verbose=Verbosity.VERBOSE,
            col_width=20,
            col_names=("kernel_size", "output_size", "num_params", "mult_adds"),
            row_settings=("var_names",),
            macs=nets.words_macs(25),
            rows=4,
        ),
        check=lstm,
    ),
    case(
        "lstm_custom_batch_size",
        call(nets.Words, (25,), dtypes=[torch.long], batch_dim=1, macs=nets.words_macs(25), rows=4),
    ),
    case(
        "recursive",
        call(nets.Loop, input_size=(1, 4, 9, 9), macs=5 * 81 * 4 * 36, params=148, rows=6),
        check=recursive,
    ),
    case(
        "siamese_net",
        call(nets.Twins, input_size=[(1, 1, 16, 16), (1, 1, 16, 16)], macs=2 * 14 * 14 * 4 * 9 + 4),
        check=siamese,
    ),
    case(
        "container",
        call(nets.Boxes, input_size=(1, 6), depth=4, macs=36 * (1 + 2 + 1 + 2 + 2)),
        call(nets.Boxes, input_size=(6,), macs=36 * 8),
        check=containers,
    ),
    case("empty_module", call(nets.Empty, rows=1)),
    case(
        "device",
        call(nets.Digits, input_size=(3, 1, 28, 28), device="cpu", macs=3 * D),
        call(nets.Digits, input_data=IMAGES, macs=3 * D),
        call(nets.Digits, input_data=IMAGES, device="cpu", macs=3 * D),
        call(nets.Digits, input_data=IMAGES.to("cpu"), macs=3 * D),
        call(nets.Digits, input_data=IMAGES.to("cpu"), device=torch.device("cpu"), macs=3 * D),
    ),
    case(
        "pack_padded",
        call(
            nets.PackedWords,
            input_data=TOKENS,
            lengths=torch.tensor([20, 11, 9, 2]),
            device=torch.device("cpu"),
            macs=(20 + 11 + 9 + 2) * 4 * 8 * (12 + 8) + 4 * 8 * 3,
        ),
        check=packed,
    ),
    case(
        "module_dict",
        call(
            nets.Choices,
            input_data=torch.randn(1, 5, 3, 3),
            shape="conv",
            bend="tanh",
            macs=5 * 5 * 9,
        ),
        call(nets.Choices, input_data=torch.randn(1, 5, 3, 3), shape="pool", bend="prelu"),
        check=unused_choice,
    ),
    case("highly_nested_dict_model", call(nets.Nested, input_data=torch.ones(9), macs=2 * 81)),
    case("edgecase_input_output_model", call(nets.OddOutput, input_data=[{}], macs=2)),
    case(
        "model_with_args",
        call(nets.Loop, input_size=(1, 4, 9, 9), note="a", other="b", macs=5 * 81 * 4 * 36),
    ),
    case(
        "input_size_possibilities",
        call(nets.OnlyWeight, input_size=[(2,)]),
        call(nets.OnlyWeight, input_size=((2,),)),
        call(nets.OnlyWeight, input_size=(2,)),
        call(nets.OnlyWeight, input_size=[2]),
        call(nets.OnlyWeight, input_size=torch.Size([2])),
        check=sizes([(2,)], [(2,)], [(2,)], [[2]], [torch.Size([2])]),
    ),
    case(
        "multiple_input_tensor_args",
        call(nets.TwoInputs, input_data=torch.randn(2, 40), second=WHOLE, macs=2 * 2 * 320),
        check=sizes(torch.Size([2, 40])),
    ),
    case(
        "multiple_input_tensor_dict",
        call(
            nets.TwoInputs,
            input_data={"first": torch.randn(2, 40), "second": WHOLE},
            macs=2 * 2 * 320,
        ),
        check=sizes({"first": torch.Size([2, 40]), "second": torch.Size([2, 40])}),
    ),
    case(
        "multiple_input_tensor_list",
        call(nets.TwoInputs, input_data=[torch.randn(2, 40), WHOLE], macs=2 * 2 * 320),
        call(nets.TwoInputs, input_data=(torch.randn(2, 40), WHOLE), macs=2 * 2 * 320),
        check=sizes([torch.Size([2, 40])] * 2, (torch.Size([2, 40]),) * 2),
    ),
    case(
        "namedtuple",
        call(
            nets.TakesPair,
            input_size=[(2, 3), (2, 3)],
            pair=nets.Pair((2, 3), (2, 3)),
            device=torch.device("cpu"),
        ),
        check=namedtuple_sizes,
    ),
    case(
        "return_dict",
        call(
            nets.Reports,
            input_size=[torch.Size([1, 6, 6]), [12]],
            col_width=65,
            batch_dim=0,
            macs=16 * 3 * 9 + 6,
        ),
        check=sizes([torch.Size([1, 6, 6]), [12]]),
    ),
    case(
        "autoencoder",
        call(
            nets.Unpooling,
            input_size=(1, 2, 8, 8),
            col_names=(
                ColumnSettings.OUTPUT_SIZE,
                ColumnSettings.NUM_PARAMS,
                ColumnSettings.KERNEL_SIZE,
            ),
            macs=2 * 64 * 8 * 9,
        ),
        check=autoencoder,
    ),
    case(
        "reusing_activation_layers",
        call(lambda: activations(shared=True), rows=6),
        call(lambda: activations(shared=False), rows=6),
    ),
    case(
        "mixed_trainable_parameters",
        call(nets.HalfTrainable, verbose=Verbosity.VERBOSE, params=28, rows=1),
    ),
    case("too_many_linear", call(nets.Shared, (2, 7), macs=3 * 2 * 49, params=56)),
    case(
        "too_many_linear_plus_existing_hooks",
        call(lambda: nets.Shared(named=True), (2, 7), macs=3 * 2 * 49),
        call(hooked, (2, 7), macs=3 * 2 * 49),
        check=hooks_ran,
    ),
    case(
        "too_many_relus",
        call(nets.SharedActivation, (1, 2, 6, 6), macs=64 * (2 * 4 + 4 * 8 + 8 * 16)),
    ),
    case(
        "pruned_adversary",
        call(nets.NamedLikePruned, input_size=(1,), params=30),
        call(nets.MaskParameter, input_size=(1,), params=60),
    ),
    case(
        "trainable_column",
        call(
            nets.Frozen,
            input_size=(1, 1, 1),
            col_names=("kernel_size", "input_size", "output_size", "trainable"),
            macs=3,
        ),
        check=trainable,
    ),
    case("empty_module_list", call(nn.ModuleList, rows=1)),
    case(
        "single_parameter_model",
        call(nets.OnlyWeight),
        call(nets.Product),
        call(nets.OnlyWeight, verbose=2),
        call(nets.Product, verbose=2),
    ),
    case("register_parameter", call(lambda: nets.Gates(nn.Linear(2, 2), nn.Linear(2, 2)), params=14)),
    case(
        "parameters_with_other_layers",
        call(lambda: nets.Product(5), input_data=torch.randn(3, 24), verbose=2, macs=3 * (240 + 50)),
        call(nets.Product, input_data=torch.randn(3, 24), verbose=2, macs=3 * 240),
        check=inner_rows,
    ),
    case(
        "nested_leftover_params",
        call(
            nets.Outer,
            input_data=[torch.zeros(5, 3)],
            row_settings=("var_names",),
            macs=5 * (3 + 1),
            params=3 + 1 + 4 + 1 + 1 + 1,
        ),
    ),
    case(
        "recursive_with_missing_layers",
        call(
            nets.Stages,
            input_data=[torch.rand(2, 3, 12, 12)],
            row_settings=("depth", "var_names"),
            macs=2 * 144 * (4 * 27 + 3 * 4 * 36 + 4),
        ),
    ),
    case(
        "cnn_module_list",
        call(lambda: nets.Chain(nets.InOrder), input_size=[1, 1, 10], macs=4 * 10),
        call(lambda: nets.Chain(nets.OutOfOrder), input_size=[1, 1, 10], macs=4 * 10),
        check=rows_in_order("Chain", "ModuleList", *["InOrder", "Conv1d", "ReLU", "MaxPool1d"] * 4),
    ),
    case(
        "shared_module_in_nested_list",
        call(nets.SharedInLists, input_size=(1, 5), depth=4, macs=6 * 25, params=6 * 30),
    ),
    case(
        "tied_weights",
        call(
            nets.Tied,
            input_data=torch.randint(0, 50, (2, 6)),
            depth=2,
            verbose=0,
            macs=12 * 400,
            params=400,
        ),
    ),
    case(
        "hide_recursive_layers",
        call(nets.Recurrent, input_size=(2, 4), macs=3 * 2 * 12 * 7),
        call(
            nets.Recurrent,
            input_size=(2, 4),
            row_settings=("depth", "hide_recursive_layers"),
            macs=3 * 2 * 12 * 7,
        ),
        check=hidden,
    ),
    case(
        "hide_recursive_layers_outside_loop",
        call(lambda: nets.Recurrent(after=True), input_size=(2, 4), macs=3 * 2 * 12 * 7 + 2 * 12),
        call(
            lambda: nets.Recurrent(after=True),
            input_size=(2, 4),
            row_settings=("depth", "hide_recursive_layers"),
            macs=3 * 2 * 12 * 7 + 2 * 12,
        ),
        check=hidden,
    ),
    case(
        "tensor_kernel_size",
        call(nets.TensorKernel, input_size=(1, 1, 16), macs=48),
        check=kernel_of_root,
    ),
    case(
        "scalar_tensor_input_size",
        call(
            nets.Scaled,
            input_size=[[1, 8], []],
            dtypes=[torch.float32, torch.float32],
            macs=24,
        ),
        call(nets.Scaled, input_data=[torch.rand([1, 8]), torch.rand([])], macs=24),
    ),
    case("categorical_distribution_output", call(nets.Chances, input_size=(1, 8), macs=24, params=27)),
    case("normal_distribution_output", call(nets.Bell, input_size=(1, 8), macs=48, params=54)),
)


def test_table_has_a_case_for_each_test() -> None:
    assert len({each.name for each in CASES}) == len(CASES) == 67


@pytest.mark.parametrize("each", CASES, ids=lambda each: each.name)
def test_call_is_accepted_and_counted(each: Case, capsys: pytest.CaptureFixture[str]) -> None:
    CALLED.clear()
    results = []
    for one in each.calls:
        results.append(run(one))
        printed = capsys.readouterr().out
        assert printed == ("" if one.options.get("verbose") == 0 else f"{results[-1]}\n")
    if each.check is not None:
        each.check(results)


def test_call_and_print_preserve_random_states() -> None:
    torch.manual_seed(3)
    random.seed(3)
    model = nets.Digits()
    before = torch.get_rng_state(), random.getstate()
    result = summary(model, input_size=(1, 1, 28, 28))
    assert "<table" in result._repr_html_()
    assert result._repr_mimebundle_()["text/plain"] == f"{result}" == repr(result)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == random.getstate()


def test_mode_of_interactive_python_is_quiet(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.ps1", ">>> ", raising=False)
    summary(nn.Linear(1, 1))
    assert capsys.readouterr().out == ""
