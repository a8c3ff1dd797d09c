"""Tests of the parsing of target strings."""

from __future__ import annotations

from pathlib import Path

import pytest

from netinspect.errors import LoadError, NetinspectError, UsageError
from netinspect.records.request import Target
from netinspect.records.trace import Trace
from netinspect.targets.target import parse_target


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "net.py").write_text("raise RuntimeError('this file must not run')\n")
    (tmp_path / "odd:name.py").write_text("")
    (tmp_path / "weights.pt").write_bytes(b"PK\x03\x04 and so on")
    (tmp_path / "trace.json").write_text(f'{{"schema":"{Trace.schema}"}}')
    (tmp_path / "trace").write_text(f'{{"schema":"{Trace.schema}"}}')
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("text", "kind", "place", "name"),
    [
        ("net.py", "file", "net.py", None),
        ("net.py:Net", "file", "net.py", "Net"),
        ("./net.py:Outer.Inner", "file", "net.py", "Outer.Inner"),
        ("odd:name.py:Net", "file", "odd:name.py", "Net"),
        ("torch.nn:Linear", "dotted", "torch.nn", "Linear"),
        ("package:make", "dotted", "package", "make"),
        ("trace.json", "saved", "trace.json", None),
        ("trace", "saved", "trace", None),
    ],
)
def test_parse_target_fields(text: str, kind: str, place: str, name: str | None) -> None:
    target = parse_target(text)
    assert (target.kind, target.place, target.name, target.text) == (kind, place, name, text)


def test_parse_target_sample_in_any_folder(folder: Path) -> None:
    target = parse_target("lenet")
    assert target.kind == "sample"
    assert Path(target.place).name == "lenet.py"
    (folder / "lenet.py").write_text("")
    assert parse_target("lenet").kind == "sample"
    assert parse_target("lenet.py").kind == "file"


@pytest.mark.parametrize(
    "file", [r"C:\nets\m.py", "C:/nets/m.py", r"\\server\share\m.py", "nets:old/m.py"]
)
def test_parse_target_paths_with_colons(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On POSIX these are names of files too.
    monkeypatch.chdir(tmp_path)
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).touch()
    assert parse_target(f"{file}:Net") == Target(text=f"{file}:Net", kind="file", place=file, name="Net")
    assert parse_target(file) == Target(text=file, kind="file", place=file)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("text", ["sub", "weights.pt"])
def test_parse_target_checkpoints(text: str) -> None:
    assert parse_target(text).kind == "checkpoint"


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("text", "error", "message", "hint"),
    [
        ("", UsageError, "empty", "a target is"),
        ("  ", UsageError, "empty", "a target is"),
        ("net.py:", UsageError, "ends in a colon", "name of a class"),
        ("net.py:1x", UsageError, "'1x'", "name of a class"),
        ("torch.nn:", UsageError, "ends in a colon", "name of a class"),
        ("a\0b", UsageError, "NUL", "a target is"),
        ("nett.py", LoadError, "the file nett.py does not exist", "'net.py'"),
        ("missing.json", LoadError, "the file missing.json does not exist", "a target is"),
        ("lenett", LoadError, "no sample 'lenett'", "'lenet'"),
        ("zzzz", LoadError, "no sample 'zzzz'", "the samples are: alexnet"),
        ("net", LoadError, "no sample 'net'", "net.py"),
        (r"C:\models\net.py:Net", LoadError, r"the file C:\models\net.py does not exist", "a target is"),
        (
            r"\\nas\models\net.py:Net",
            LoadError,
            r"the file \\nas\models\net.py does not exist",
            "a target",
        ),
        (r"C:\models\gone.pt", LoadError, r"the file C:\models\gone.pt does not exist", "a target is"),
        ("D:/models/gone.json", LoadError, "the file D:/models/gone.json does not exist", "a target is"),
    ],
)
def test_parse_target_errors(text: str, error: type[NetinspectError], message: str, hint: str) -> None:
    with pytest.raises(error) as caught:
        parse_target(text)
    assert message in caught.value.message
    assert caught.value.hint is not None
    assert hint in caught.value.hint
