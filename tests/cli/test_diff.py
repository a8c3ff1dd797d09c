"""Tests of `netinspect diff`: exit codes, usage errors, pipes, hostile names."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
import torch
from safetensors.torch import save_file

from tests.reports.diff.files import write
from tests.support import Outcome

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "docs" / "schemas" / "netinspect-diff.json").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    monkeypatch.chdir(tmp_path)


CODES = {
    "lenet lenet": 0,
    "lenet lenet --exit-code": 0,
    "lenet tuned.safetensors": 0,
    "lenet tuned.safetensors --exit-code": 1,
    "tuned.safetensors lenet --exit-code": 1,
    "lenet.safetensors later.safetensors --exit-code": 0,
    "lenet.safetensors later.safetensors --exit-code --compare-values": 1,
    "lenet.safetensors lenet.safetensors --exit-code --compare-values": 0,
    "lenet half.safetensors --exit-code --counts": 1,
}


@pytest.mark.parametrize("words", CODES)
def test_diff_exit_codes(cli: Callable[..., Outcome], words: str) -> None:
    outcome = cli("diff", *words.split())
    assert (outcome.code, outcome.err) == (CODES[words], "")
    assert outcome.out


def test_exit_code_if_values_cannot_be_compared(cli: Callable[..., Outcome]) -> None:
    torch.save({"x": torch.zeros(2, device="meta")}, "meta.pt")
    words = ("diff", "meta.pt", "meta.pt", "--width", "100", "--exit-code")
    assert cli(*words).code == 0
    outcome = cli(*words, "--compare-values")
    assert outcome.code == 1
    assert "1 not compared (" in outcome.out


def test_exit_code_with_output_file(cli: Callable[..., Outcome]) -> None:
    outcome = cli("diff", "lenet", "tuned.safetensors", "--exit-code", "-o", "x.json")
    assert (outcome.code, outcome.out, outcome.err) == (1, "", "written to x.json\n")
    jsonschema.validate(json.loads(Path("x.json").read_text(encoding="utf-8")), SCHEMA)


MISTAKES = {
    "": (2, "missing argument 'A'", ""),
    "lenet": (2, "missing argument 'B'", ""),
    "lenet lenet lenet": (2, "unexpected", ""),
    "lenet nothing.pt": (3, "the file nothing.pt does not exist", ""),
    "lenet tunde.safetensors": (3, "the file tunde.safetensors does not exist", "tuned.safetensors"),
    "lenet lenett": (3, "lenett", "did you mean 'lenet'"),
    "lenet folder": (3, "folder", ""),
    "lenet note.txt": (3, "note.txt", ""),
    "lenet cut.safetensors": (3, "cut.safetensors", ""),
    "lenet tuned.safetensors --compare-values": (
        2,
        "cannot compare the values of lenet",
        "state_dict()",
    ),
    "lenet saved.json --compare-values": (2, "cannot compare the values of lenet", "state_dict()"),
    "lenet lenet --section model": (2, "both sides are models", "remove --section"),
    "lenet tuned.safetensors --section model": (2, "no section 'model'", "remove --section"),
    "lenet lenet --save x.json": (2, "--save writes one trace", ""),
    "lenet.safetensors half.safetensors --sort change": (2, "needs the values", "add --compare-values"),
    "lenet.safetensors half.safetensors --compare-values --sort size": (
        2,
        "cannot sort by 'size'",
        "change",
    ),
    "lenet.safetensors half.safetensors --arg x=1": (2, "--arg is for models", ""),
    "lenet tuned.safetensors --columns nmae": (2, "no column 'nmae'", "did you mean 'name'"),
}


@pytest.mark.parametrize("words", MISTAKES)
def test_diff_usage_errors(cli: Callable[..., Outcome], words: str) -> None:
    Path("folder").mkdir()
    Path("note.txt").write_text("no weights\n", encoding="utf-8")
    Path("cut.safetensors").write_bytes(Path("lenet.safetensors").read_bytes()[:5000])
    assert cli("params", "lenet", "--save", "saved.json").code == 0
    code, message, hint = MISTAKES[words]
    outcome = cli("diff", *words.split())
    assert (outcome.code, outcome.out) == (code, "")
    assert "Traceback" not in outcome.err
    assert message in outcome.err.splitlines()[0]
    assert hint in outcome.err


def test_model_options_apply_to_the_model_of_two_targets(cli: Callable[..., Outcome]) -> None:
    Path("net.py").write_text(
        "from torch import nn\n\nclass Net(nn.Module):\n    def __init__(self, classes=2):\n"
        "        super().__init__()\n        self.fc = nn.Linear(3, classes)\n",
        encoding="utf-8",
    )
    save_file({"fc.weight": torch.zeros(7, 3), "fc.bias": torch.zeros(7)}, "seven.safetensors")
    assert cli("diff", "net.py:Net", "seven.safetensors", "--exit-code").code == 1
    words = ("diff", "net.py:Net", "seven.safetensors", "--exit-code", "--arg", "classes=7")
    assert cli(*words).code == 0


def test_diff_escapes_hostile_names(cli: Callable[..., Outcome]) -> None:
    name = "evil\x1b[31m\u202e[/b]:smile:.weight"
    save_file({name: torch.zeros(2, 3)}, "one.safetensors")
    save_file({f"module.{name}": torch.zeros(2, 3), f"x.{name}": torch.ones(5)}, "two.safetensors")
    for format in ("rich", "plain", "csv", "markdown", "json"):
        outcome = cli("diff", "one.safetensors", "two.safetensors", "--format", format)
        assert outcome.code == 0
        assert "\x1b" not in outcome.out
        assert "\u202e" not in outcome.out
    outcome = cli("diff", "lenet", "two.safetensors", "--width", "80")
    assert "\x1b" not in outcome.out


def test_diff_json_matches_schema(cli: Callable[..., Outcome]) -> None:
    pairs = [
        ("lenet", "tuned.safetensors"),
        ("tiny_gpt", "other.safetensors"),
        ("lenet", "tiny_gpt"),
        ("lenet.safetensors", "later.safetensors", "--compare-values"),
    ]
    for words in pairs:
        document = json.loads(cli("diff", *words, "--format", "json").out)
        jsonschema.validate(document, SCHEMA)
        assert document["a"]["target"] == words[0]


def test_diff_of_checkpoints_does_not_import_torch() -> None:
    code = (
        "import sys; from netinspect.cli.run import run; "
        "run(['diff', 'lenet.safetensors', 'half.safetensors', '--compare-values']); "
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


@pytest.mark.slow
def test_diff_into_closed_pipe(installed: Callable[..., Outcome]) -> None:
    command = f"{sys.executable} -m netinspect diff tiny_gpt other.safetensors --no-fold | head -1"
    completed = subprocess.run(command, shell=True, check=False, capture_output=True, text=True)
    assert (completed.returncode, completed.stderr) == (0, "")
    assert completed.stdout.startswith("change\tname")


def test_diff_missing_shard_is_a_finding(cli: Callable[..., Outcome]) -> None:
    folder = Path("sharded")
    folder.mkdir()
    save_file({"a.weight": torch.zeros(2, 2)}, folder / "model-00001-of-00002.safetensors")
    index = {
        "weight_map": {
            "a.weight": "model-00001-of-00002.safetensors",
            "b.weight": "model-00002-of-00002.safetensors",
        }
    }
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    outcome = cli("diff", "sharded", "sharded", "--width", "100")
    assert outcome.code == 1
    assert "PROBLEM: a: " in outcome.out
    assert "model-00002-of-00002.safetensors" in outcome.out
