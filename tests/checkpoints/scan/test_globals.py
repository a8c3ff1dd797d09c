"""Tests of `netinspect globals`."""

from __future__ import annotations

import json
import os
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import netinspect
from netinspect.errors import CheckpointError, LoadError
from netinspect.rendering.formats import Format, Style
from netinspect.reports.globals.record import Globals
from netinspect.reports.render import render
from tests.checkpoints.hostile.parts import SYSTEM, legacy, state, torch_zip
from tests.checkpoints.zips import Part, build, members_of, write_zip
from tests.support import Outcome

Cli = Callable[..., Outcome]


class Touch:
    """Creates a folder when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def report_of(path: Path) -> Globals:
    return netinspect.pickle_globals(path).record


def others(path: Path) -> list[str]:
    return [row.name for row in report_of(path).rows if row.verdict == "other"]


@pytest.fixture
def payload(tmp_path: Path) -> Path:
    """Return a checkpoint that creates a folder when it is loaded."""
    file = tmp_path / "payload.pt"
    torch.save({"w": torch.ones(2), "x": Touch(tmp_path / "mark")}, file)
    return file


@pytest.mark.parametrize("command", ["globals", "params", "summary", "tree"])
def test_commands_do_not_run_payload(command: str, payload: Path, cli: Cli, tmp_path: Path) -> None:
    outcome = cli(command, str(payload))
    assert outcome.code == 0
    assert not (tmp_path / "mark").exists()
    # Loading it would have created the folder.
    torch.load(payload, weights_only=False)
    assert (tmp_path / "mark").exists()


def test_pickle_globals_lists_other_names_first(payload: Path) -> None:
    report = report_of(payload)
    first, *rest = report.rows
    assert (first.name, first.verdict, first.uses) == ("posix.mkdir", "other", 1)
    assert first.arguments == repr(str(payload.parent / "mark"))
    assert first.member == "payload/data.pkl"
    data = members_of(payload)["payload/data.pkl"]
    assert data[first.offset :].startswith(b"cposix\nmkdir\n")
    assert {row.verdict for row in rest} == {"needed"}
    assert (report.others, report.pickles) == (1, 1)
    assert {row.arguments for row in rest} == {""}


def test_globals_screen(payload: Path, cli: Cli) -> None:
    outcome = cli("globals", str(payload), "--width", "160")
    lines = outcome.out.splitlines()
    tensors = [name for name in members_of(payload) if "/data" in name]
    texts = len(members_of(payload)) - len(tensors)  # three to five, by torch's version
    assert lines[0] == f"{payload}  torch zip, {payload.stat().st_size / 1024:.1f} KiB"
    assert lines[2].split()[:4] == ["posix.mkdir", "NOT", "NEEDED", "1"]
    assert lines[-3:] == [
        "4 names in 1 pickle, 1 of them not needed for tensors",
        "nothing was executed; what these names would do was not examined",
        f"examined: text ({texts}), pickle (1), tensor storages (1)",
    ]
    assert "safe" not in outcome.out.lower()


def test_globals_formats(payload: Path, cli: Cli) -> None:
    document = json.loads(cli("globals", str(payload), "--format", "json").out)
    assert document["schema"] == "netinspect-globals"
    assert document["rows"][0]["name"] == "posix.mkdir"
    plain = cli("globals", str(payload), "--format", "plain").out.splitlines()
    assert plain[0].startswith("global\tverdict\tcalls")
    assert plain[1].split("\t")[:3] == ["posix.mkdir", "other", "1"]
    assert cli("globals", str(payload), "--format", "csv").out.startswith("global,verdict,calls,")
    assert "posix.mkdir" in cli("globals", str(payload), "--format", "markdown").out


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--exit-code",), 1)])
def test_globals_exit_code_with_other_names(
    options: tuple[str, ...], code: int, payload: Path, cli: Cli
) -> None:
    assert cli("globals", str(payload), *options).code == code


def test_globals_exit_code_if_all_names_are_needed(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    torch.save(nn.Linear(2, 3).state_dict(), file)
    assert cli("globals", str(file), "--exit-code").code == 0


def test_pickle_globals_does_not_read_storages_as_pickles(tmp_path: Path) -> None:
    rest = [114, 81, 62, 70, 99, 135, 61]
    weights = {
        str(first): torch.tensor([first, *rest], dtype=torch.uint8).view(torch.float32)
        for first in range(256)
    }
    torch.save(weights, tmp_path / "m.pt")
    assert report_of(tmp_path / "m.pt").unexamined == ()


def test_globals_lists_names_before_damage(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "broken.pkl"
    file.write_bytes(b"\x80\x02" + SYSTEM + b"0]K\x01K\x02a.")
    outcome = cli("globals", str(file), "--width", "160")
    assert outcome.code == 1
    assert "posix.system" in outcome.out
    place = file.stat().st_size - 2
    assert f"PROBLEM: at byte {place}: it appends to an int" in outcome.out


@pytest.mark.parametrize("protocol", range(6))
def test_pickle_globals_of_pickle_without_tensors(protocol: int, tmp_path: Path) -> None:
    file = tmp_path / "any.bin"
    file.write_bytes(pickle.dumps(Touch(tmp_path / "mark"), protocol))
    (row,) = report_of(file).rows
    assert (row.name, row.uses, row.member) == ("posix.mkdir", 1, "")
    assert not (tmp_path / "mark").exists()


def test_pickle_globals_of_protocol_0_with_unusual_start(tmp_path: Path) -> None:
    """Loaders run the opcodes of a pickle even if its start or end is unusual."""
    file = tmp_path / "odd.bin"
    file.write_bytes(b"N0F1.5\n0cposix\nsystem\n(S'true'\ntR0 and then some text")
    assert others(file) == ["posix.system"]
    assert report_of(file).header.problems != ()


def test_globals_of_text_file(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("Some notes on a model.\n")
    outcome = cli("globals", str(file), "--exit-code", "--format", "rich", "--width", "200")
    assert outcome.code == 0
    assert "no pickle found: loading imports and calls nothing" in outcome.out


def test_globals_of_file_without_pickles(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    file.write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 4)
    outcome = cli("globals", str(file), "--exit-code", "--width", "160")
    assert outcome.code == 0
    assert "no pickle found: loading" in outcome.out


def test_pickle_globals_refuses_missing_file(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="no such file"):
        report_of(tmp_path / "none.pt")


def test_pickle_globals_of_legacy_file(tmp_path: Path) -> None:
    file = tmp_path / "old.pt"
    file.write_bytes(legacy(state()).replace(b"\x80\x02}.", b"\x80\x02}" + SYSTEM + b"0.", 1))
    assert others(file) == ["posix.system"]


def test_pickle_globals_lists_classes_of_pickled_model(tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    torch.save(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), file)
    assert others(file) == [
        "torch.nn.modules.container.Sequential",
        "torch.nn.modules.linear.Linear",
        "torch.nn.modules.activation.ReLU",
    ]
    assert [row.uses for row in report_of(file).rows[:3]] == [1, 1, 1]


def test_pickle_globals_lists_classes_of_legacy_model(tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    torch.save(nn.Sequential(nn.Linear(2, 3)), file, _use_new_zipfile_serialization=False)
    assert [(row.name.rpartition(".")[2], row.uses) for row in report_of(file).rows[:2]] == [
        ("Sequential", 1),
        ("Linear", 1),
    ]


def test_is_needed_rejects_similar_names(tmp_path: Path) -> None:
    file = tmp_path / "lookalikes.pkl"
    names = ("torch.storage._load_from_bytes", "torchx.FloatStorage", "torch.hub.load", "numpy.f2py.run")
    lines = b"".join(
        f"c{name.rpartition('.')[0]}\n{name.rpartition('.')[2]}\n".encode() for name in names
    )
    file.write_bytes(
        b"\x80\x04("
        + lines
        + b"\x8c\x05torch\x8c\x16FloatStorage.os.system\x93\x8c\x05torch\x8c\x0cSize.__new__\x93t."
    )
    assert others(file) == [*names, "torch.FloatStorage.os.system", "torch.Size.__new__"]


def test_needed_globals_are_allowed_by_weights_only() -> None:
    """Needed names of torch are those that `torch.load(weights_only=True)` allows."""
    from netinspect.checkpoints.pickle.needed_globals import is_needed
    from netinspect.checkpoints.pickle.objects import Named

    allowed = torch._weights_only_unpickler._get_allowed_globals()
    for name in allowed:
        module, _, attribute = name.rpartition(".")
        assert is_needed(Named(module, attribute, 0)), name
    for name in ("builtins.eval", "builtins.getattr", "os.system", "torch.load", "torch.jit.load"):
        module, _, attribute = name.rpartition(".")
        assert not is_needed(Named(module, attribute, 0))


def test_is_needed_accepts_torchscript_classes_only_in_archives(tmp_path: Path) -> None:
    script, plain = tmp_path / "script.pt", tmp_path / "plain.pt"
    pickled = b"\x80\x02c__torch__.a\nB\n)\x81}b."
    script.write_bytes(build([Part("a/data.pkl", pickled), Part("a/constants.pkl", b"\x80\x02).")]))
    plain.write_bytes(build([Part("a/data.pkl", pickled)]))
    assert others(script) == []
    assert others(plain) == ["__torch__.a.B"]


def test_pickle_globals_reads_all_pickles_of_archive(tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    hidden = Part("a/extra/hidden.pkl", b"\x80\x02" + SYSTEM + b".")
    file.write_bytes(torch_zip(state(), hidden))
    report = report_of(file)
    assert report.pickles == 2
    assert [(row.name, row.member) for row in report.rows[:1]] == [
        ("posix.system", "a/extra/hidden.pkl")
    ]


def test_pickle_globals_continues_after_damaged_member(tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    damaged = Part("a/first.pkl", b"\xff" * 20, method=8, size=100)
    file.write_bytes(build([damaged, Part("a/data.pkl", b"\x80\x02" + SYSTEM + b".")]))
    report = report_of(file)
    assert [row.name for row in report.rows] == ["posix.system"]
    assert report.header.problems[0].startswith("a/first.pkl: 'a/first.pkl' cannot be inflated")


def test_pickle_globals_reads_object_arrays(tmp_path: Path) -> None:
    one, several = tmp_path / "one.npy", tmp_path / "several.npz"
    array = np.array([Touch(tmp_path / "mark"), None], dtype=object)
    np.save(one, array, allow_pickle=True)
    np.savez(several, plain=np.ones(3), objects=array)
    for file, member in ((one, ""), (several, "objects.npy")):
        rows = [row for row in report_of(file).rows if row.verdict == "other"]
        assert [(row.name, row.member) for row in rows] == [("posix.mkdir", member)]
    assert not (tmp_path / "mark").exists()


def test_pickle_globals_of_exported_program(tmp_path: Path) -> None:
    file, inner = tmp_path / "net.pt2", tmp_path / "inner.pt"
    torch.save({"x": Touch(tmp_path / "mark")}, inner)
    program = torch.export.export(nn.Linear(2, 3), (torch.ones(1, 2),))
    torch.export.save(program, file)
    assert others(file) == []
    members = members_of(file)
    members["net/data/sample_inputs/model.pt"] = inner.read_bytes()
    write_zip(file, members)
    (row,) = [row for row in report_of(file).rows if row.verdict == "other"]
    assert row.name == "posix.mkdir"
    assert row.member == "net/data/sample_inputs/model.pt:inner/data.pkl"


def test_globals_reads_every_file_of_folder(payload: Path, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "broken.pt").write_bytes(payload.read_bytes()[:-40])
    torch.save(nn.Linear(1, 1).state_dict(), tmp_path / "model.bin")
    outcome = cli("globals", str(tmp_path), "--format", "json")
    assert outcome.code == 1
    document = json.loads(outcome.out)
    assert document["header"]["format"] == "folder"
    assert [file["name"] for file in document["header"]["files"]] == [
        "config.json",
        "model.bin",
        "payload.pt",
    ]
    first = document["rows"][0]
    assert (first["name"], first["file"]) == ("posix.mkdir", "payload.pt")
    assert document["header"]["problems"][0].startswith("broken.pt: it begins like a zip archive")


def test_pickle_globals_reads_consecutive_pickles(tmp_path: Path) -> None:
    file = tmp_path / "two.pkl"
    file.write_bytes(pickle.dumps([1]) + pickle.dumps(Touch(tmp_path / "mark")) + b"\xfe\xff")
    end = file.stat().st_size - 2
    report = report_of(file)
    assert [row.name for row in report.rows] == ["posix.mkdir"]
    assert report.pickles == 2
    assert [(part.member, part.reason) for part in report.unexamined] == [
        (f"from byte {end:,} on", "an unknown format")
    ]


def test_globals_escapes_names(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "names.pkl"
    name = "\x1b[31mred[/b]\u202e"
    file.write_bytes(
        b"\x80\x04"
        + b"".join(b"\x8c" + bytes([len(each)]) + each for each in (b"m", name.encode()))
        + b"\x93."
    )
    assert report_of(file).rows[0].name == f"m.{name}"
    for format in ("rich", "plain", "csv", "markdown"):
        shown = cli("globals", str(file), "--format", format).out
        assert "\x1b" not in shown
        assert "\u202e" not in shown
    assert (
        json.loads(cli("globals", str(file), "--format", "json").out)["rows"][0]["name"] == f"m.{name}"
    )


# --- the same in the other commands --------------------------------------------------------------


def test_commands_warn_of_other_names(payload: Path, cli: Cli) -> None:
    shown = cli("params", str(payload), "--width", "200").out
    assert "loading it would import 1 name that tensors do not need: posix.mkdir" in shown
    assert "nothing was executed" in shown


def test_commands_suggest_globals_for_pickle_without_tensors(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "evil.pt"
    torch.save(Touch(tmp_path / "mark"), file)
    outcome = cli("params", str(file))
    assert outcome.code == 3
    assert f"{file} holds no tensors" in outcome.err
    assert "posix.mkdir" in outcome.err
    assert f"netinspect globals {file}" in outcome.err


def test_commands_report_damage_as_one_error(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "cut.pt"
    file.write_bytes(torch_zip(state())[:-10])
    with pytest.raises(CheckpointError):
        report_of(file)
    outcome = cli("globals", str(file))
    assert outcome.code == 3
    assert "Traceback" not in outcome.err


def test_globals_groups_needed_names_of_members(tmp_path: Path) -> None:
    path = tmp_path / "deep.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Conv1d(1, 1, 1))
        torch.jit.save(torch.jit.script(net), path)
    report = report_of(path)
    shown = render(report, Style(format=Format.RICH))
    assert len(report.rows) > 8
    assert "__torch__.* (" in shown
    assert shown.count("__torch__.") == 1
    assert shown.count("torch.jit._pickle.build_intlist") == 1
    plain = render(report, Style(format=Format.PLAIN)).splitlines()
    assert len([row for row in plain if not row.startswith("# ")]) == 1 + len(report.rows)


def test_globals_groups_equal_calls_of_identical_files(cli: Cli, tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number:02}.pt").write_bytes(torch_zip(SYSTEM + b"."))
    report = report_of(tmp_path)
    assert report.others == len([row for row in report.rows if row.verdict == "other"]) == 40
    screen = cli("globals", str(tmp_path), "--width", "120").out
    assert screen.count("NOT NEEDED") == 1
    assert "40 files" in screen
    assert "'true'" in screen
    assert cli("globals", str(tmp_path), "--format", "plain").out.count("posix.system") == 40
