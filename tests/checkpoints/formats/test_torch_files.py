"""Tests of zip and legacy files of torch against torch's own load."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netinspect.checkpoints.formats.dtypes import BITS
from netinspect.checkpoints.read import read_checkpoint
from netinspect.errors import CheckpointError
from tests.checkpoints.expected import bytes_of, check, stored_bytes
from tests.support import TORCH, torch_dtypes

Save = Callable[[Any, Path], None]


def save_zip(item: Any, file: Path) -> None:
    torch.save(item, file)


def save_legacy(item: Any, file: Path) -> None:
    torch.save(item, file, _use_new_zipfile_serialization=False)


@pytest.fixture(params=[save_zip, save_legacy], ids=["zip", "legacy"])
def save(request: pytest.FixtureRequest) -> Save:
    made: Save = request.param
    return made


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def plain(dtype: torch.dtype, *shape: int) -> Tensor:
    """Return a tensor of random bits."""
    count = dtype.itemsize
    for size in shape:
        count *= size
    raw = torch.randint(0, 2 if dtype is torch.bool else 256, (count,), dtype=torch.uint8)
    return raw.view(dtype).view(shape)


def flat(item: Any, before: str = "") -> dict[str, Tensor]:
    """Return the tensors in dicts, lists and tuples, by dotted keys."""
    if isinstance(item, Tensor):
        return {before.removesuffix("."): item}
    pairs = (
        item.items()
        if isinstance(item, dict)
        else enumerate(item)
        if isinstance(item, list | tuple)
        else ()
    )
    found: dict[str, Tensor] = {}
    for key, each in pairs:
        found |= flat(each, f"{before}{key}.")
    return found


def check_loaded(file: Path, weights_only: bool = True) -> Any:
    return check(file, flat(torch.load(file, weights_only=weights_only)))


STORED = torch_dtypes(*sorted(BITS))
WRITTEN = [dtype for dtype in STORED if re.fullmatch(r"torch\.(?!q|bits|u?int[1-7]$).*", str(dtype))]


def test_dtypes_include_every_torch_type() -> None:
    types = {each for each in vars(torch).values() if isinstance(each, torch.dtype)}
    assert {str(each).removeprefix("torch.") for each in types} - {"bit"} <= set(BITS)
    for name, bits in BITS.items():
        if not name.startswith("quint") or name == "quint8":
            assert all(bits == each.itemsize * 8 for each in torch_dtypes(name))


@pytest.mark.filterwarnings("ignore:ComplexHalf support")
@pytest.mark.parametrize("dtype", WRITTEN, ids=str)
def test_read_torch_tensors_of_every_type(dtype: torch.dtype, save: Save, tmp_path: Path) -> None:
    file = tmp_path / "types.pt"
    base = plain(dtype, 6, 5)
    item = {
        "whole": base,
        "column": base[:, 3],
        "turned": base.t(),
        "part": base[2:5, 1:4],
        "scalar": plain(dtype),
        "empty": plain(dtype, 0, 3),
        "wide": plain(dtype, 1).expand(4),
        "own": plain(dtype, 2, 3, 4),
    }
    save(item, file)
    found = check(file, item)
    if save is save_zip or dtype not in torch.storage._new_dtypes():
        check_loaded(file)  # torch cannot load everything that it saves in the legacy format
    assert found.warnings == ()
    assert {each.verdict for each in found.globals} == {"needed"}
    part = {tensor.name: tensor for tensor in found.tensors}["part"]
    assert part.storage_bytes == 30 * dtype.itemsize
    assert part.bytes == 9 * dtype.itemsize


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_read_torch_every_pickle_protocol(protocol: int, new: bool, tmp_path: Path) -> None:
    file = tmp_path / "protocol.pt"
    item = {"a": torch.randn(3, 4), "b": [torch.arange(5)], "sizes": torch.Size([1, 2])}
    torch.save(item, file, pickle_protocol=protocol, _use_new_zipfile_serialization=new)
    # torch itself rejects 3, 4 and 5 with weights_only=True.
    check_loaded(file, weights_only=protocol == 2)


def test_read_torch_protocol_that_torch_cannot_load(tmp_path: Path) -> None:
    file = tmp_path / "zero.pt"
    torch.save({"a": torch.ones(1)}, file, pickle_protocol=0, _use_new_zipfile_serialization=False)
    with pytest.raises(AssertionError, match="saved_id must be a tuple" if TORCH > (2, 6) else None):
        torch.load(file, weights_only=False)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(str(file))
    assert caught.value.cause == "a: the storage of a tensor is unknown"


def test_read_torch_state_dict(save: Save, tmp_path: Path) -> None:
    file = tmp_path / "state.pt"
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ModuleDict({"a": nn.Conv2d(1, 2, 3)}))
    save(model.state_dict(), file)
    found = check(file, model.state_dict())
    assert {tensor.section for tensor in found.tensors} == {""}
    assert {tensor.kind for tensor in found.tensors} == {"tensor"}
    assert found.metadata == ()
    check_loaded(file)


def test_read_torch_tied_weights(save: Save, tmp_path: Path) -> None:
    file = tmp_path / "tied.pt"
    weight = torch.randn(5, 6)
    save({"in": weight, "out": weight, "turned": weight.t(), "other": weight.clone()}, file)
    found = check_loaded(file)
    numbers = [tensor.storage for tensor in found.tensors]
    assert numbers[0] == numbers[1] == numbers[2] != numbers[3]
    assert [tensor.position for tensor in found.tensors][:3] == [found.tensors[0].position] * 3


def test_read_torch_training_checkpoint(save: Save, tmp_path: Path) -> None:
    file = tmp_path / "training.pt"
    model = nn.Linear(3, 4)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.25)
    model(torch.randn(2, 3)).sum().backward()
    optimizer.step()
    save(
        {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 7, "note": "so"},
        file,
    )
    found = check_loaded(file)
    sections = {tensor.name: (tensor.section, tensor.key) for tensor in found.tensors}
    assert sections["model.weight"] == ("model", "weight")
    assert sections["optimizer.state.0.exp_avg"] == ("optimizer.state.0", "exp_avg")
    texts = {entry.name: (entry.type, entry.text) for entry in found.metadata}
    assert texts["epoch"] == ("int", "7")
    assert texts["note"] == ("str", "so")
    assert texts["optimizer.param_groups.0.lr"] == ("float", "0.25")
    assert texts["optimizer.param_groups.0.betas"] == ("tuple", "(0.9, 0.999)")
    assert texts["optimizer.param_groups.0.params"] == ("list", "[0, 1]")


def test_read_torch_lightning_checkpoint(tmp_path: Path) -> None:
    from argparse import Namespace

    file = tmp_path / "epoch=1.ckpt"
    model = nn.Linear(3, 4)
    item = {
        "epoch": 1,
        "global_step": 20,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": OrderedDict((f"net.{name}", each) for name, each in model.state_dict().items()),
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 2}}}},
        "callbacks": {"ModelCheckpoint{'monitor': None}": {"best_model_score": torch.tensor(0.5)}},
        "optimizer_states": [torch.optim.SGD(model.parameters(), lr=0.1).state_dict()],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": Namespace(width=64, name="small"),
    }
    torch.save(item, file)
    loaded = torch.load(file, weights_only=False)
    found = check(file, flat(loaded))
    texts = {entry.name: entry.text for entry in found.metadata}
    assert texts["pytorch-lightning_version"] == "2.4.0"
    assert texts["hyper_parameters.width"] == "64"
    assert texts["loops.fit_loop.epoch_progress.total.ready"] == "2"
    assert {tensor.section for tensor in found.tensors} == {
        "state_dict",
        "callbacks.ModelCheckpoint{'monitor': None}",
    }
    assert [each.name for each in found.globals if each.verdict == "other"] == ["argparse.Namespace"]
    assert "argparse.Namespace" in found.warnings[0]
    assert "nothing was executed" in found.warnings[0]


def test_read_torch_single_tensor(save: Save, tmp_path: Path) -> None:
    file = tmp_path / "alone.pt"
    save(torch.arange(7.0), file)
    (tensor,) = check_loaded(file).tensors
    assert (tensor.name, tensor.section, tensor.key) == ("", "", "")


def test_read_torch_storages(save: Save, tmp_path: Path) -> None:
    file = tmp_path / "storage.pt"
    tensor = torch.arange(7.0)
    save({"untyped": tensor.untyped_storage(), "typed": torch.ones(3)._typed_storage()}, file)
    untyped, typed = read_checkpoint(str(file)).tensors
    assert (untyped.dtype, untyped.shape) == ("uint8", (28,))
    assert (typed.dtype, typed.shape) == ("float32", (3,))
    assert stored_bytes(file, untyped) == bytes_of(tensor)


def test_read_torch_shared_objects(save: Save, tmp_path: Path) -> None:
    """The same dict twice is one dict; a list in itself ends."""
    file = tmp_path / "same.pt"
    state = {"weight": torch.ones(2)}
    loop: list[Any] = [torch.zeros(1)]
    loop.append(loop)
    save({"model": state, "ema": state, "loop": loop}, file)
    found = read_checkpoint(str(file))
    assert [tensor.name for tensor in found.tensors] == ["model.weight", "loop.0"]
    assert [(entry.name, entry.text) for entry in found.metadata] == [
        ("ema", "the same object as model"),
        ("loop.1", "the same object as loop"),
    ]


def test_read_torch_keys_that_are_not_strings(tmp_path: Path) -> None:
    file = tmp_path / "keys.pt"
    item = {1: torch.ones(1), (2, "b"): torch.ones(1), "": torch.ones(1), None: {2.5: torch.ones(1)}}
    torch.save(item, file)
    assert [tensor.name for tensor in read_checkpoint(str(file)).tensors] == [
        "1",
        "(2, 'b')",
        "",
        "None.2.5",
    ]


def test_read_torch_limits_listed_plain_values(tmp_path: Path) -> None:
    file = tmp_path / "words.pt"
    torch.save(
        {"w": torch.ones(1), "vocabulary": {f"word{i}": i for i in range(5000)}, "z": torch.ones(1)},
        file,
    )
    found = read_checkpoint(str(file))
    assert [tensor.name for tensor in found.tensors] == ["w", "z"]
    assert len(found.metadata) == 1000
    assert found.warnings == ("4,000 more plain values are left out: 1,000 are listed",)


def test_read_torch_numpy_values(tmp_path: Path) -> None:
    import numpy as np

    file = tmp_path / "numpy.pt"
    array = np.arange(12, dtype=np.float64).reshape(3, 4)
    torch.save({"w": torch.ones(1), "loss": np.float32(0.25), "seen": np.int64(7), "curve": array}, file)
    found = read_checkpoint(str(file))
    texts = {entry.name: (entry.type, entry.text) for entry in found.metadata}
    assert texts == {"loss": ("float32", "0.25"), "seen": ("int64", "7")}
    curve = found.tensors[1]
    assert (curve.name, curve.dtype, curve.shape) == ("curve", "float64", (3, 4))


def test_read_torch_thousand_tensors(save: Save, tmp_path: Path) -> None:
    file = tmp_path / "thousand.pt"
    save({f"layer.{index}.weight": torch.full((2, 2), float(index)) for index in range(1000)}, file)
    check_loaded(file)


def test_read_torch_legacy_warns_of_trailing_bytes(tmp_path: Path) -> None:
    file = tmp_path / "more.pt"
    save_legacy({"w": torch.ones(2)}, file)
    file.write_bytes(file.read_bytes() + b"more")
    found = read_checkpoint(str(file))
    assert found.warnings == ("after the last storage: 4 bytes that are not read",)


def test_read_torch_big_endian_file(tmp_path: Path) -> None:
    from tests.checkpoints.zips import members_of, write_zip

    file, swapped = tmp_path / "little.pt", tmp_path / "big.pt"
    tensor = torch.tensor([1.0, 2.0])
    torch.save({"w": tensor, "b": torch.tensor([1, 2], dtype=torch.uint8)}, file)
    members = members_of(file)
    members["little/byteorder"] = b"big"
    members["little/data/0"] = tensor.numpy().byteswap().tobytes()
    write_zip(swapped, members)
    assert torch.equal(torch.load(swapped)["w"], tensor)
    found = read_checkpoint(str(swapped))
    assert [each.byte_order for each in found.tensors] == ["big", "little"]
    assert found.warnings == ("its numbers are big-endian",)
