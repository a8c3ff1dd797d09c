"""Tests of the LaTeX output."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netinspect.rendering.document import (
    Code,
    CodeLine,
    Column,
    Document,
    Table,
    line,
    make_row,
    make_table,
)
from netinspect.rendering.latex import format_latex
from tests import forked

SPECIAL = r"[a_b & 5% $x #1 {y} ~ ^ \end{tabular}] `c` *|<>--"
UNESCAPED = re.compile(r"(?<!\\)[&%$#_{}~^]")


def table(*names: str) -> Table:
    columns: tuple[Column[str], ...] = (
        Column(key="a_name", value=str, tree=True),
        Column(key="n", value=len, align="right"),
    )
    total = make_row(columns, {"a_name": "total"})
    return make_table("t", columns, names, level=lambda name: int(name != names[0]), footer=[total])


def check_structure(text: str) -> None:
    """Check environments, braces and the number of cells of every row."""
    lines = [each for each in text.splitlines() if not each.startswith("%")]
    open_ones: list[str] = []
    for kind, name in re.findall(r"(?<!\\)\\(begin|end)\{(\w+)\}", "\n".join(lines)):
        if kind == "begin":
            open_ones.append(name)
        else:
            assert open_ones.pop() == name
    assert not open_ones
    for each in lines:
        bare = re.sub(r"\\textbackslash\{\}|\\[{}]", "", each)
        assert bare.count("{") == bare.count("}"), each
    count = 0
    for each in lines:
        if found := re.match(r"\\begin\{tabular\}\{([lr]+)\}$", each):
            count = len(found[1])
        elif each.startswith("\\end{tabular}"):
            count = 0
        elif count and each.endswith(r"\\"):
            assert len(re.findall(r"(?<!\\)&", each)) == count - 1, each


def test_format_latex_escapes_special_characters() -> None:
    text = format_latex(Document(title=line(SPECIAL), blocks=(table(SPECIAL, f"{SPECIAL}2"),)))
    check_structure(text)
    rows = [each for each in text.splitlines() if "textbackslash" in each]
    assert len(rows) == 2
    for each in rows:
        cell = re.sub(r"\\[a-z]+\*?\{(?:\dem)?\}|\{[][*]\}|-\{\}", "", each.partition(" & ")[0])
        assert not UNESCAPED.search(cell), cell
    assert rows[0].startswith("{[}a\\_b \\& 5\\% \\$x \\#1 \\{y\\} \\textasciitilde{} ")
    assert rows[1].startswith("\\hspace*{1em}{[}")
    assert text.splitlines()[0] == f"% {SPECIAL}"


def test_format_latex_code_keeps_blanks_and_empty_lines() -> None:
    texts = ("def f(x):", "", "    return x % 2")
    lines = tuple(
        CodeLine(number=at, text=each, note="a_note" if at == 2 else "", failed=False)
        for at, each in enumerate(texts)
    )
    text = format_latex(Document(title=line("t"), blocks=(Code(name="", lines=lines),)))
    check_structure(text)
    assert "\n~ \\\\\n" in text
    assert "~~~~return~x~\\%~2~~\\#~a\\_note \\\\" in text


@pytest.mark.parametrize("command", ["summary", "source"])
def test_output_file_with_latex_suffix(tmp_path: Path, command: str) -> None:
    done = forked.run(command, "tiny_gpt", "-o", "x.tex", cwd=tmp_path)
    assert done.code == 0, done.err
    text = (tmp_path / "x.tex").read_text()
    check_structure(text)
    assert "token\\_embedding" in text
    if command == "summary":
        assert "0..2  x3 & Block" in text
        assert text.count(r"\begin{tabular}") == 1
