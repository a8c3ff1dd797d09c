"""Tests of inferred inputs, their reasons, and the report if no candidate passes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import netinspect
from netinspect.errors import UsageError
from netinspect.records.base import replace
from tests.nets.inference import NETS
from tests.support import Outcome
from tests.tracing.process_snapshot import snapshot

CHOSEN = {
    "LeNet": ("x=1x1x28x28",),
    "Cifar": ("x=1x3x32x32",),
    "Mlp": ("input=1x784",),
    "Flat": ("input=1x1x28x28",),
    "Lm": ("idx=1x16:int64:0..999",),
    "Gpt": ("x=1x16:int64:0..499",),
    "Bert": (
        "input_ids=1x16:int64:0..299",
        "attention_mask=1x16:int64:1..1",
        "token_type_ids=1x16:int64:0..0",
    ),
    "Vit": ("img=1x3x32x32",),
    "Unet": ("x=1x3x256x256",),
    "Wave": ("waveform=1x1x16000",),
    "WaveFlat": ("x=1x1x8000",),
    "Spec": ("spectrogram=1x1x40x100",),
    "Forecast": ("x=16x1x7",),
    "Siamese": ("x1=1x1x28x28", "x2=1x1x28x28"),
    "Clip": ("image=1x3x224x224", "text=1x77:int64:0..399"),
    "Seq2Seq": ("src=1x16:int64:0..99", "tgt=1x16:int64:0..119"),
    "RawT": ("src=16x1x32", "tgt=16x1x32"),
    "PointNet": ("points=1x3x1024",),
    "PointMlp": ("xyz=1x1024x3",),
    "Diffusion": ("x=1x4x64x64", "timesteps=1:int64:0..999"),
    "Gcn": ("x=16x1433", "edge_index=2x32:int64:0..15"),
    "GcnAdj": ("x=16x32", "adj=16x16:float32:0..1"),
    "Video": ("clip=1x3x16x112x112",),
    "Packed": ("tokens=1x16:int64:0..49", "lengths=1:int64:16..16"),
    "ChannelsLast": ("x=1x224x224x3",),
    "Custom": ("x=1x20",),
    "Norm": ("x=1x16x48",),
    "Tabular": ("x_cat=1x3:int64:0..9", "x_num=1x5"),
    "Vae": ("x=1x1x28x28",),
    "Gan": ("z=1x100x1x1",),
    "Decide": ("x=1x6",),
    "DictIn": ("batch.features=1x6",),
    "Mixed": ("image=1x3x224x224", "metadata=1x10"),
    "Bn": ("x=1x3x224x224",),
    "Mixer": ("x=1x3x32x32",),
    "Cell": ("x=1x10", "h=1x20"),
    "MaskedMean": ("x=1x16x12", "mask=1x16:int64:1..1"),
    "ConvText": ("text=1x32:int64:0..98",),
    "Rect": ("x=1x1x32x100",),
    "Big": ("idx=1x16:int64:0..49999",),
    "Annotated": ("field=1x4x224x224", "steps=1:int64:0..1"),
    "Documented": ("signal=1x16x5", "marks=1x16:int64:0..8", "levels=1x16x7"),
    "Exact": ("past_values=1x36x3",),
    "Missed": ("input_ids=1x16:int64:0..39", "decoder_input_ids=1x16:int64:0..29"),
    "Pairs": ("pixel_values=1x2x3x224x224",),
    "Patches": ("patches=16x48", "spatial_shapes=1x2:int64:4..4"),
    "Strict": ("waveform=1x96",),
    "Opt": ("x=1x6", "flag=False", "n:=1"),
}


def specs(trace: netinspect.Trace) -> tuple[str, ...]:
    return tuple(spec for each in trace.inputs for spec in each.spec.split())


def test_nets_all_have_expected_inputs() -> None:
    assert set(CHOSEN) == set(NETS)


@pytest.mark.filterwarnings("ignore:enable_nested_tensor is True")
@pytest.mark.parametrize("name", CHOSEN)
def test_infer_inputs_passes(name: str) -> None:
    trace = netinspect.load(f"tests.nets.inference:{name}")
    assert trace.failure is None
    assert specs(trace) == CHOSEN[name]
    assert all(each.origin for each in trace.inputs)
    # The search ends with an attempt that passed, or adjusts one that passed.
    assert trace.attempts[-1].outcome == "passed" or len(trace.attempts) > 1
    assert any(each.outcome == "passed" for each in trace.attempts)


@pytest.mark.parametrize("name", ["LeNet", "Cifar", "Lm", "Packed", "Tabular", "DictIn"])
def test_inferred_specs_can_be_given(name: str) -> None:
    found = netinspect.load(f"tests.nets.inference:{name}")
    given = netinspect.load(f"tests.nets.inference:{name}", inputs=specs(found))
    assert given.attempts == ()
    assert given.output == found.output
    assert [replace(each, site=None) for each in given.steps] == [
        replace(each, site=None) for each in found.steps
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Cifar", "Bert", "Tabular", "Cell", "Vae"])
def test_infer_inputs_leaves_model_unchanged(name: str) -> None:
    torch.manual_seed(3)
    model = NETS[name]()
    before = snapshot(model)
    state = torch.get_rng_state()
    assert netinspect.load(model).failure is None
    assert snapshot(model) == before
    assert torch.equal(torch.get_rng_state(), state)


def test_infer_inputs_is_deterministic() -> None:
    one, other = (netinspect.load("tests.nets.inference:Cifar") for _ in range(2))
    assert one.attempts == other.attempts
    assert one.inputs == other.inputs


def test_infer_inputs_reasons_name_layers() -> None:
    def origins(name: str) -> list[str]:
        return [each.origin for each in netinspect.load(f"tests.nets.inference:{name}").inputs]

    assert origins("LeNet") == ["solved from fc1.in_features = 256"]
    assert origins("Cifar") == ["solved from fc1.in_features = 400"]
    assert origins("Forecast") == ["r.input_size = 7; batch_first = False"]
    assert origins("Mixed") == ["c takes 3 channels", "solved from l.in_features = 18"]
    assert origins("Lm") == ["e has 1000 rows"]


def test_infer_inputs_next_to_given_ones() -> None:
    trace = netinspect.load("tests.nets.inference:Mixed", inputs=["image=2x3x50x50"])
    assert trace.failure is None
    assert specs(trace) == ("image=2x3x50x50", "metadata=2x10")
    assert trace.inputs[0].origin == "given"


def test_infer_inputs_with_batch() -> None:
    trace = netinspect.load("tests.nets.inference:Clip", batch=5)
    assert trace.failure is None
    assert specs(trace) == ("image=5x3x224x224", "text=5x77:int64:0..399")


class Printing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        print("forward ran")
        return self.layer(x.reshape(1, 12))


def test_infer_inputs_suppresses_output_of_failed_attempts(capsys: pytest.CaptureFixture[str]) -> None:
    trace = netinspect.load(Printing())
    assert trace.failure is None
    assert capsys.readouterr().out == "forward ran\n"


class Broken(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(10, 20)
        self.second = nn.Linear(30, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x))


def test_infer_inputs_reports_farthest_failure() -> None:
    trace = netinspect.load(Broken())
    assert trace.failure is not None
    assert trace.failure.module == "second"
    assert specs(trace) == ("x=1x10",)
    diagnosis = netinspect.summary(trace).record.header.failure
    assert diagnosis is not None
    assert "b = " not in diagnosis.remedies[0]
    assert diagnosis.remedies == ("use second = Linear(20, 5), or make first output 30 features",)
    assert len(trace.attempts) == 1


class WithExample(nn.Module):
    def __init__(self, example: object) -> None:
        super().__init__()
        self.example_input_array = example
        self.layer = nn.Linear(3, 2)

    def forward(self, x: Tensor, scale: Tensor | None = None) -> Tensor:
        return self.layer(x) * (1 if scale is None else scale)


@pytest.mark.parametrize(
    ("example", "expected"),
    [
        (torch.zeros(4, 3), ("x=4x3",)),
        ((torch.zeros(4, 3), torch.ones(1)), ("x=4x3", "scale=1")),
        ({"scale": torch.ones(1), "x": torch.zeros(5, 3)}, ("scale=1", "x=5x3")),
    ],
)
def test_example_input_array_is_used(example: object, expected: tuple[str, ...]) -> None:
    trace = netinspect.load(WithExample(example))
    assert trace.failure is None
    assert specs(trace) == expected
    assert {each.origin for each in trace.inputs} == {"the model's example_input_array"}
    assert trace.attempts == ()


# --- command line ----------------------------------------------------------------------------------

Cli = Callable[..., Outcome]


def test_explain_input_prints_attempts(cli: Cli) -> None:
    outcome = cli("summary", "tests.nets.inference:Mixer", "--explain-input", "--format", "rich")
    assert outcome.code == 0
    assert "input: x = 1x3x32x32 float32 (solved from t.in_features = 64)" in outcome.out
    assert outcome.err.splitlines()[0] == "input x=1x3x32x32: solved from t.in_features = 64"
    assert "attempt 1: x=1x3x224x224" in outcome.err
    assert "  because: x: p takes 3 channels" in outcome.err
    assert outcome.err.rstrip().endswith("outcome: passed")


def test_infer_inputs_fault_of_the_model_suggests_no_spec(cli: Cli) -> None:
    outcome = cli("summary", "tests.inputs.infer.test_infer_inputs:Broken")
    assert outcome.code == 4
    assert "so no input size helps" in outcome.err
    assert "could not be inferred" not in outcome.err
    assert "--input" not in outcome.err


def test_infer_inputs_failure_on_object_suggests_function(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "from torch import nn\n\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.fc = nn.Linear(4, 2)\n"
        "    def forward(self, data):\n"
        "        return self.fc(data.load())\n"
    )
    outcome = cli("summary", str(tmp_path / "net.py"))
    assert outcome.code == 4
    assert "--inputs-from FILE:FUNCTION" in outcome.err
    assert "an object with .load" in outcome.err
    assert "--input data=" not in outcome.err


def test_inputs_from_a_function(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "data.py"
    file.write_text(
        "import torch\n"
        "def one(): return torch.ones(2, 20)\n"
        "def named(): return {'x': torch.ones(3, 20)}\n"
        "def both(): return (torch.ones(4, 20),), {}\n"
        "def broken(): raise ValueError('no data')\n"
        "number = 3\n"
    )

    def rows(function: str) -> Outcome:
        return cli(
            "summary", "tests.nets.inference:Custom", "--inputs-from", f"{file}:{function}", "-f", "json"
        )

    for function, batch in (("one", 2), ("named", 3), ("both", 4)):
        outcome = rows(function)
        assert outcome.code == 0, outcome.err
        assert f'"spec": "x={batch}x20"' in outcome.out
    assert "no data" in rows("broken").err
    assert "is an int, not a function" in rows("number").err
    assert rows("missing").code == 3


def test_inputs_from_files(cli: Cli, tmp_path: Path) -> None:
    numpy.save(tmp_path / "x.npy", numpy.ones((2, 20), dtype=numpy.float32))
    numpy.savez(tmp_path / "x.npz", x=numpy.ones((3, 20), dtype=numpy.float32))
    torch.save(torch.ones(4, 20), tmp_path / "x.pt")
    save_file({"x": torch.ones(5, 20)}, tmp_path / "x.safetensors")
    for name, batch in (("x.npy", 2), ("x.npz", 3), ("x.pt", 4), ("x.safetensors", 5)):
        for text in (str(tmp_path / name), f"x={tmp_path / name}"):
            if text.startswith("x=") and name == "x.npz":
                continue
            outcome = cli("summary", "tests.nets.inference:Custom", "--input-file", text, "-f", "json")
            assert outcome.code == 0, outcome.err
            assert f'"spec": "x={batch}x20"' in outcome.out


class Payload:
    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return _execute, ("executed",)


def _execute(text: str) -> None:
    raise AssertionError(text)


def test_input_file_executes_no_code(tmp_path: Path) -> None:
    torch.save({"x": Payload()}, tmp_path / "payload.pt")
    numpy.save(tmp_path / "payload.npy", numpy.array([Payload()], dtype=object), allow_pickle=True)
    for name in ("payload.pt", "payload.npy"):
        with pytest.raises(UsageError, match="cannot read inputs from"):
            netinspect.load("tests.nets.inference:Custom", input_files=[str(tmp_path / name)])


@pytest.mark.parametrize(
    ("content", "name", "cause"),
    [
        (b"", "x.npy", ""),
        (b"hello", "x.pt", ""),
        (b"\x00" * 9, "x.safetensors", ""),
        (b"1,2", "x.csv", "expected a suffix of"),
        (None, "x.npy", "the file does not exist"),
    ],
)
def test_input_file_invalid(content: bytes | None, name: str, cause: str, tmp_path: Path) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UsageError) as error:
        netinspect.load("tests.nets.inference:Custom", input_files=[str(file)])
    assert str(file) in error.value.message
    assert cause in (error.value.cause or "")


def test_inputs_from_two_options_is_a_usage_error(cli: Cli) -> None:
    outcome = cli("summary", "lenet", "--input", "1x1x28x28", "--input-file", "x.npy")
    assert outcome.code == 2
    assert "--input and --input-file" in outcome.err


class Halved(nn.Module):
    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        self.embed = nn.Embedding(40, 8, dtype=dtype)
        self.conv = nn.Conv2d(3, 8, 3, dtype=dtype)
        self.head = nn.Linear(16, 2, dtype=dtype)

    def forward(self, image: Tensor, ids: Tensor, metadata: Tensor) -> Tensor:
        seen = self.conv(image).mean((2, 3)) + metadata
        return self.head(torch.cat([seen, self.embed(ids).mean(1)], 1))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_infer_inputs_floats_have_dtype_of_parameters(dtype: str, device: str) -> None:
    with torch.device(device):
        model = Halved(getattr(torch, dtype))
    trace = netinspect.load(model)
    assert trace.failure is None
    assert specs(trace)[0] == f"image=1x3x224x224:{dtype}"
    assert specs(trace)[1] == "ids=1x16:int64:0..39"
    assert specs(trace)[2].endswith(f":{dtype}")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (["batch.features=1x6", "batch.features=1x6"], "'batch.features'"),
        (["batch.features=1x6", "batch.features.deep=1x6"], "'batch.features.deep'"),
        (["batch.features.deep=1x6", "batch.features=1x6"], "'batch.features'"),
        (["batch=1x6", "batch.features=1x6"], "'batch'"),
    ],
)
def test_given_dictionary_entry_twice(given: list[str], name: str) -> None:
    with pytest.raises(UsageError, match="given twice") as error:
        netinspect.load("tests.nets.inference:DictIn", inputs=given)
    assert name in error.value.message


def test_inputs_from_a_file_without_a_function(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "data.py"
    file.write_text("from torch import nn\nclass Net(nn.Module): pass\n")
    outcome = cli("summary", "lenet", "--inputs-from", str(file))
    assert outcome.code == 2
    assert "does not name a function" in outcome.err


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_infer_inputs_torchscript() -> None:
    model = torch.jit.trace(nn.Sequential(nn.Flatten(0), nn.Softmax(0)), torch.zeros(2, 3))
    assert netinspect.summary(model).record.header.failure is None
