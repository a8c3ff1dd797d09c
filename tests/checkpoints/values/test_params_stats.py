"""Tests of `netinspect params FILE --stats`."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest
import safetensors.torch
import torch
from jsonschema import Draft202012Validator

from netinspect.api import _views, read_checkpoint
from netinspect.errors import LoadError
from netinspect.rendering.bars import bars
from netinspect.reports.schemas import all_schemas
from tests.checkpoints.values.tensor_values import normal
from tests.support import PATIENCE, Outcome, assert_golden

Cli = Callable[..., Outcome]


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a file with ordinary and unusual tensors."""
    monkeypatch.chdir(tmp_path)
    weight = normal(torch.float32, 200, 100)
    broken = torch.tensor([1.0, math.nan, math.inf])
    tensors = {
        "layer.weight": weight,
        "layer.bias": torch.zeros(100),
        "norm.weight": torch.ones(100),
        "ema.weight": weight + 0.001 * normal(torch.float32, 200, 100, seed=1),
        "layer.copy": weight.clone(),
        "broken": broken,
        "half": normal(torch.bfloat16, 64, 64).exp(),
        "relu": normal(torch.float32, 30, 10).relu(),
        "ids": torch.arange(77),
    }
    safetensors.torch.save_file(tensors, tmp_path / "odd.safetensors")
    return tmp_path / "odd.safetensors"


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize("width", ["80", "120", "180"])
def test_params_stats_screens(cli: Cli, width: str) -> None:
    outcome = cli("params", "odd.safetensors", "--stats", "--width", width)
    assert (outcome.code, outcome.err) == (0, "")
    assert max(map(len, outcome.out.splitlines())) <= int(width)
    assert_golden(f"screens/checkpoint_values_{width}.txt", outcome.out)


@pytest.mark.usefixtures("file")
def test_params_stats_equals_live_model(cli: Cli) -> None:
    """Compare a state dict with the statistics of the live model."""
    model = torch.nn.Sequential(torch.nn.Linear(50, 70), torch.nn.BatchNorm1d(70))
    torch.save(model.state_dict(), "model.pt")
    ours = {row.name: row.statistics for row in _views.params("model.pt", stats=True).record.rows}
    theirs = _views.params(model, stats=True, buffers=True).record.rows
    assert set(ours) == {row.name for row in theirs}
    for row in theirs:
        found, wanted = ours[row.name], row.statistics
        assert found is not None
        assert wanted is not None
        assert (found.zeros, found.nan, found.inf) == (wanted.zeros, wanted.nan, wanted.inf)
        assert (found.min, found.max) == (wanted.min, wanted.max)
        assert found.mean == pytest.approx(wanted.mean, rel=1e-6, abs=1e-7)
        assert found.std == (None if wanted.std is None else pytest.approx(wanted.std, rel=1e-6))


def test_params_stats_of_shards(cli: Cli, file: Path) -> None:
    tensors = safetensors.torch.load_file(file)
    (file.parent / "model").mkdir()
    for number, names in enumerate((list(tensors)[::2], list(tensors)[1::2]), start=1):
        shard = file.parent / "model" / f"model-0000{number}-of-00002.safetensors"
        safetensors.torch.save_file({name: tensors[name] for name in names}, shard)
    whole, parts = (
        {
            row["name"]: (row["statistics"], row["distribution"])
            for row in json.loads(cli("params", target, "--stats", "-f", "json").out)["rows"]
        }
        for target in ("odd.safetensors", "model")
    )
    assert whole == parts
    assert len(whole) == len(tensors)


@pytest.mark.usefixtures("file")
def test_params_stats_json_and_csv(cli: Cli) -> None:
    outcome = cli("params", "odd.safetensors", "--stats", "-f", "json")
    document = json.loads(outcome.out)
    assert list(Draft202012Validator(all_schemas()["netinspect-params"]).iter_errors(document)) == []
    rows = {row["name"]: row for row in document["rows"]}
    assert rows["relu"]["statistics"]["zeros"] > 100
    assert sum(rows["half"]["distribution"]["bars"]) == 4096
    assert rows["norm.weight"]["constant"]
    kinds = [finding["kind"] for finding in document["findings"]]
    assert kinds == ["not finite", "all zero", "constant", "copies", "near copies"]
    text = cli("params", "odd.safetensors", "--stats", "-f", "csv").out
    table = {row["name"]: row for row in csv.DictReader(io.StringIO(text))}
    assert float(table["relu"]["median"]) == rows["relu"]["distribution"]["median"]
    assert [int(each) for each in table["half"]["bars"].split(",")] == rows["half"]["distribution"][
        "bars"
    ]
    assert table["ids"]["not_read"] == ""


@pytest.mark.usefixtures("file")
def test_params_stats_reads_only_listed_tensors(cli: Cli) -> None:
    outcome = cli("params", "odd.safetensors", "--stats", "--include", "layer.*", "-f", "json")
    document = json.loads(outcome.out)
    assert [each["names"] for each in document["findings"]] == [
        ["layer.bias"],
        ["layer.copy", "layer.weight"],
    ]
    calls: list[tuple[int, int]] = []
    _views.params(
        "odd.safetensors", stats=True, include=["half"], progress=lambda *each: calls.append(each)
    )
    assert calls == [(8192, 8192)]


@pytest.mark.usefixtures("file")
def test_params_stats_findings_do_not_depend_on_top(cli: Cli) -> None:
    whole = json.loads(cli("params", "odd.safetensors", "--stats", "-f", "json").out)
    for options in (["--top", "1"], ["--top", "2", "--sort", "bytes"], ["--sort", "std"]):
        some = json.loads(cli("params", "odd.safetensors", "--stats", *options, "-f", "json").out)
        assert some["findings"] == whole["findings"]
        assert some["skipped"] == 0
    # A tensor with NaN is the smallest of the file, and nevertheless the first.
    assert whole["rows"][0]["name"] == "broken"
    for format in ("rich", "plain", "csv"):
        outcome = cli("params", "odd.safetensors", "--stats", "--top", "1", "-f", format)
        assert "NaN or infinity: broken" in outcome.out + outcome.err
        assert "\nbroken" in outcome.out


@pytest.mark.usefixtures("file")
def test_params_sorts_by_statistics_with_stats_only(cli: Cli) -> None:
    outcome = cli("params", "odd.safetensors", "--stats", "--sort", "Zeros", "--top", "2", "-f", "json")
    rows = json.loads(outcome.out)["rows"]
    assert rows[0]["name"] == "relu"
    assert rows[1]["name"] == "layer.bias"
    outcome = cli("params", "odd.safetensors", "--sort", "zeros")
    assert outcome.code == 2
    assert "the keys are: elements, bytes, offset, name" in outcome.err
    assert cli("params", "lenet", "--stats", "--sort", "std", "--top", "1").code == 0
    assert cli("params", "lenet", "--sort", "std").code == 2


@pytest.mark.usefixtures("file")
def test_params_stats_states_what_a_filter_left_unread(cli: Cli) -> None:
    note = "values of 2 of 9 tensors were not read (--include, --exclude)"
    options = ("--exclude", "broken", "--exclude", "ids")
    for format in ("rich", "plain", "csv"):
        outcome = cli("params", "odd.safetensors", "--stats", *options, "-f", format)
        assert note in outcome.out + outcome.err
        assert "NaN or infinity" not in outcome.out + outcome.err
    document = json.loads(cli("params", "odd.safetensors", "--stats", *options, "-f", "json").out)
    assert document["skipped"] == 2


def test_params_stats_findings_of_a_model() -> None:
    model = torch.nn.Sequential(*(torch.nn.Linear(8, 8) for _ in range(6)), torch.nn.BatchNorm1d(8))
    tensors = model.state_dict()  # which shares the memory of the model
    tensors["1.weight"][3, 3] = math.nan
    tensors["2.weight"].zero_()
    tensors["3.weight"].fill_(0.5)
    tensors["4.weight"][0, 0] = -2e4
    tensors["6.running_mean"][0] = math.inf
    cases: list[dict[str, Any]] = [{}, {"top": 1}, {"exclude": ["1.*"]}, {"sort": "name"}]
    for options in cases:
        record = _views.params(model, stats=True, **options).record
        assert [(each.kind, each.names) for each in record.findings] == [
            ("not finite", ("1.weight", "6.running_mean")),
            ("large", ("4.weight",)),
            ("all zero", ("2.weight",)),
            ("constant", ("3.weight",)),
        ]
    rows = _views.params(model, stats=True, top=5).record.rows
    assert [row.name for row in rows] == ["1.weight", "4.weight", "2.weight", "3.weight", "0.weight"]
    text = _views.params(model, stats=True, top=1).text("plain")
    assert "# values above 10,000 (up to 2e+04): 4.weight\n" in text
    assert "# NaN or infinity: 1.weight, 6.running_mean\n" in text


@pytest.mark.usefixtures("file")
def test_params_reads_no_values_without_stats(cli: Cli) -> None:
    document = json.loads(cli("params", "odd.safetensors", "-f", "json").out)
    assert all(row["statistics"] is row["distribution"] is None for row in document["rows"])
    assert not document["with_statistics"]


def test_params_stats_refuses_changed_file(file: Path) -> None:
    checkpoint = read_checkpoint(str(file))
    os.utime(file, ns=(1, 1))
    with pytest.raises(LoadError, match=r"odd.safetensors changed since it was read(?m:$)"):
        _views.params(checkpoint, stats=True)


@pytest.mark.usefixtures("file")
def test_params_stats_gives_reason_for_packed_elements(cli: Cli) -> None:
    header = {"a": {"dtype": "F4", "shape": [4], "data_offsets": [0, 2]}}
    raw = json.dumps(header).encode()
    Path("packed.safetensors").write_bytes(len(raw).to_bytes(8, "little") + raw + b"ab")
    outcome = cli("params", "packed.safetensors", "--stats", "-f", "json")
    (row,) = json.loads(outcome.out)["rows"]
    assert row["statistics"] is None
    assert row["not_read"] == "the elements of F4 cannot be read as numbers"
    text = cli("params", "packed.safetensors", "--stats", "--width", "100").out
    assert "not read (the elements of F4 cannot be read as numbers): a" in text


@pytest.mark.usefixtures("file")
def test_params_stats_starts_no_torch_or_threads() -> None:
    code = (
        "import sys, threading\n"
        "from netinspect.cli.run import run\n"
        "words = 'params odd.safetensors --stats -f plain -o out.tsv -q'.split()\n"
        "assert run(words) == 0\n"
        "print(sorted({'torch', 'rich.console', 'safetensors', 'numpy.random'} & set(sys.modules)))\n"
        "print(threading.active_count())\n"
    )
    command = [sys.executable, "-c", code]
    completed = subprocess.run(command, capture_output=True, text=True, check=True)
    assert completed.stdout.split("\n")[1] == "1"
    assert "torch" not in completed.stdout
    assert completed.stdout.split("\n")[0] in ("[]", "['numpy.random']")


@pytest.mark.parametrize(("options", "shows"), [([], True), (["--quiet"], False)])
def test_params_stats_shows_progress_on_terminals(file: Path, options: list[str], shows: bool) -> None:
    """The progress line appears after a while and is erased at the end."""
    code = (
        "from netinspect.cli import progress\n"
        "progress._PATIENCE = 0\n"
        "from netinspect.cli.run import main\n"
        "main()\n"
    )
    arguments = ["-c", code, "params", str(file), "--stats", *options]
    child = pexpect.spawn(
        sys.executable,
        arguments,
        env={key: value for key, value in os.environ.items() if key != "CI"},
        timeout=PATIENCE,
        encoding="utf-8",
        dimensions=(40, 100),
    )
    child.expect(pexpect.EOF)
    text = child.before
    assert isinstance(text, str)
    assert ("reading values: " in text) == shows
    assert "layer.weight" in text
    if shows:
        _, _, after = text.rpartition("reading values: ")
        assert after.index("\x1b[2K") < after.index("layer.weight")
    completed = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
    assert completed.stderr == ""


def test_params_stats_histogram_bars() -> None:
    assert bars([0, 1, 100, 50, 13, 12]) == " ▁█▄▂▁"
    assert bars([]) == ""
    assert bars([3, 3]) == "██"
