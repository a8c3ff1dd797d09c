from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from netinspect.errors import ExitCode, UsageError
from netinspect.settings import KEYS, PERSONAL_KEYS, Settings, find_settings, read_settings

EVERYTHING = """
target = "net.py:Net"
input = ["x=1x3x8x8", "ids=2x16:int64"]
batch = 4
symbolic = ["batch", "seq"]
seed = 7
depth = 2
format = "plain"
color = "never"
width = 100
"""


def write(file: Path, text: str | bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def refusal(file: Path) -> UsageError:
    with pytest.raises(UsageError) as caught:
        read_settings(file)
    assert str(file) in caught.value.message
    assert caught.value.exit_code is ExitCode.USAGE
    return caught.value


def test_find_settings_reads_every_setting(tmp_path: Path) -> None:
    expected = {
        "target": "net.py:Net",
        "input": ["x=1x3x8x8", "ids=2x16:int64"],
        "batch": 4,
        "symbolic": ["batch", "seq"],
        "seed": 7,
        "depth": 2,
        "format": "plain",
        "color": "never",
        "width": 100,
    }
    assert set(expected) == {*KEYS} - {*PERSONAL_KEYS}
    own = write(tmp_path / "netinspect.toml", EVERYTHING)
    project = write(tmp_path / "pyproject.toml", f"[tool.netinspect]\n{EVERYTHING}")
    assert read_settings(own) == Settings(file=own, values=expected)
    assert read_settings(project) == Settings(file=project, values=expected)


def test_find_settings_reads_single_input(tmp_path: Path) -> None:
    file = write(tmp_path / "netinspect.toml", 'input = "1x3x8x8"')
    assert read_settings(file) == Settings(file=file, values={"input": ["1x3x8x8"]})


def test_settings_target() -> None:
    assert Settings().target is None
    assert Settings(values={"target": "lenet"}).target == "lenet"


def test_find_settings_reads_empty_table(tmp_path: Path) -> None:
    file = write(tmp_path / "pyproject.toml", "[tool.netinspect]\n")
    assert read_settings(file) == Settings(file=file)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[project]\nname = 'other'\n",
        "[project]\nname = 'netinspect'\n",
        "# netinspect\ntool = 3\n",
        "# netinspect\n[tool.ruff]\nline-length = 100\n",
        # An invalid file that does not mention netinspect is ignored.
        "[tool.ruff\n",
    ],
)
def test_find_settings_ignores_project_without_table(tmp_path: Path, text: str) -> None:
    assert read_settings(write(tmp_path / "pyproject.toml", text)) is None


def test_find_settings_reads_byte_order_mark_and_crlf(tmp_path: Path) -> None:
    file = write(tmp_path / "netinspect.toml", b"\xef\xbb\xbfdepth = 2\r\nseed = 1\r\n")
    settings = read_settings(file)
    assert settings is not None
    assert settings.values == {"depth": 2, "seed": 1}


# --- discovery -----------------------------------------------------------------------------------


def test_find_settings_uses_closest_parent(tmp_path: Path) -> None:
    outer = write(tmp_path / "pyproject.toml", "[tool.netinspect]\ndepth = 1\n")
    inner = write(tmp_path / "a" / "b" / "netinspect.toml", "depth = 2\n")
    deep = tmp_path / "a" / "b" / "c" / "d"
    deep.mkdir(parents=True)
    assert find_settings(deep).file == inner
    assert find_settings(tmp_path / "a" / "b").file == inner
    assert find_settings(tmp_path / "a").file == outer
    assert find_settings(tmp_path).values == {"depth": 1}


def test_find_settings_does_not_merge_files(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "[tool.netinspect]\ndepth = 1\nseed = 9\n")
    inner = write(tmp_path / "a" / "pyproject.toml", "[tool.netinspect]\ndepth = 2\n")
    assert find_settings(tmp_path / "a") == Settings(file=inner, values={"depth": 2})


def test_find_settings_skips_project_without_table(tmp_path: Path) -> None:
    outer = write(tmp_path / "netinspect.toml", "depth = 1\n")
    write(tmp_path / "a" / "pyproject.toml", "[project]\nname = 'x'\n")
    assert find_settings(tmp_path / "a").file == outer


def test_find_settings_prefers_own_file(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "[tool.netinspect]\ndepth = 1\n")
    own = write(tmp_path / "netinspect.toml", "depth = 2\n")
    assert find_settings(tmp_path) == Settings(file=own, values={"depth": 2})


def test_find_settings_ignores_folder_with_name_of_file(tmp_path: Path) -> None:
    (tmp_path / "a" / "netinspect.toml").mkdir(parents=True)
    outer = write(tmp_path / "netinspect.toml", "depth = 1\n")
    assert find_settings(tmp_path / "a").file == outer


def test_find_settings_refuses_invalid_file(tmp_path: Path) -> None:
    write(tmp_path / "netinspect.toml", "depth = \n")
    (tmp_path / "a").mkdir()
    with pytest.raises(UsageError, match="cannot read the settings in"):
        find_settings(tmp_path / "a")


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "key", "hint"),
    [
        ("seeds = 1", "seeds", "did you mean 'seed'?"),
        ("Depth = 1", "Depth", "did you mean 'depth' or 'width'?"),
        ("inputs = '1'", "inputs", "did you mean 'input' or 'hints'?"),
        ("colour = 'never'", "colour", "did you mean 'color'?"),
        ("zzzz = 1", "zzzz", f"the settings are: {', '.join(KEYS)}"),
        ("[zzzz]\ndepth = 1", "zzzz", f"the settings are: {', '.join(KEYS)}"),
    ],
)
def test_find_settings_refuses_unknown_setting(tmp_path: Path, text: str, key: str, hint: str) -> None:
    error = refusal(write(tmp_path / "netinspect.toml", text))
    assert error.message.startswith(f"unknown setting {key!r} in ")
    assert error.hint == hint


@pytest.mark.parametrize(
    ("text", "key", "value", "hint"),
    [
        ("depth = '2'", "depth", "'2'", "it takes int"),
        ("depth = 2.0", "depth", "2.0", "it takes int"),
        ("depth = true", "depth", "True", "it takes int"),
        ("batch = []", "batch", "[]", "it takes int"),
        ("target = 3", "target", "3", "it takes str"),
        ("format = false", "format", "False", "it takes str"),
        ("width = 1979-05-27", "width", "datetime.date", "it takes int"),
        ("input = 3", "input", "3", "it takes str or list of str"),
        ("input = [1, 28]", "input", "[1, 28]", "it takes str or list of str"),
        ("input = ['1x2', ['3']]", "input", "['1x2', ['3']]", "it takes str or list of str"),
    ],
)
def test_find_settings_refuses_wrong_type(
    tmp_path: Path, text: str, key: str, value: str, hint: str
) -> None:
    error = refusal(write(tmp_path / "netinspect.toml", text))
    assert error.message.startswith(f"the setting {key} in ")
    assert f" is {value}" in error.message
    assert error.hint == hint


@pytest.mark.parametrize("value", ["3", "'lenet'", "[]", "true"])
def test_find_settings_refuses_value_instead_of_table(tmp_path: Path, value: str) -> None:
    error = refusal(write(tmp_path / "pyproject.toml", f"[tool]\nnetinspect = {value}\n"))
    assert error.message.startswith("[tool.netinspect] in ")
    assert error.message.endswith(" is not a table")


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (b"depth = ", "Invalid value (at end of document)"),
        (b"depth = 1\ndepth = 2\n", "Cannot overwrite a value (at line 2, column 10)"),
        (b"target = '\xff'", "'utf-8' codec can't decode byte 0xff"),
        (b"x = " + b"[" * 100_000, "its values are nested too deeply"),
        (b"depth = " + b"9" * 5000, "Exceeds the limit"),
    ],
    ids=["cut", "twice", "latin", "deep", "long"],
)
def test_find_settings_refuses_invalid_toml(tmp_path: Path, text: bytes, cause: str) -> None:
    for name, start in (("netinspect.toml", b""), ("pyproject.toml", b"[tool.netinspect]\n")):
        error = refusal(write(tmp_path / name, start + text))
        assert error.message.startswith("cannot read the settings in ")
        assert (error.cause or "").startswith(cause.partition(" (at line")[0])


def test_read_settings_refuses_missing_file(tmp_path: Path) -> None:
    error = refusal(tmp_path / "none.toml")
    assert "No such file" in (error.cause or "")


def test_read_settings_refuses_folder(tmp_path: Path) -> None:
    assert refusal(tmp_path).cause


# --- arbitrary content ---------------------------------------------------------------------------

VALUES: st.SearchStrategy[Any] = st.sampled_from(
    ["1", "-1", "1.5", "true", "'x'", "[]", "['x']", "[1]", "{}", "{a = 1}", "1979-05-27", "nan", "''"]
)
LINES = st.lists(
    st.tuples(st.sampled_from([*KEYS, "x", "'depth'", "input.a"]), VALUES).map(" = ".join), max_size=4
).map("\n".join)


@pytest.fixture(scope="module")
def any_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("settings") / "netinspect.toml"


@given(text=st.one_of(st.text(), LINES).map(str.encode) | st.binary())
@example(text=b"\xed\xa0\x80")
def test_read_settings_reads_or_refuses_any_file(any_file: Path, text: bytes) -> None:
    any_file.write_bytes(text)
    try:
        settings = read_settings(any_file)
    except UsageError as error:
        named = error.message
    else:
        assert settings is not None
        named = str(settings.file)
        for key, value in settings.values.items():
            assert isinstance(value, list if key == "input" else KEYS[key])
    assert str(any_file) in named
