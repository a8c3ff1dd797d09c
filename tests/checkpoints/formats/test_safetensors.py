"""Tests of safetensors files against the library of the format, for valid and rejected files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import pytest
import safetensors
import torch
from hypothesis import given, settings
from safetensors.torch import save, save_file

from netinspect.checkpoints.formats.dtypes import BITS, SAFETENSORS, SAFETENSORS_BITS
from netinspect.checkpoints.read import read_checkpoint
from netinspect.errors import CheckpointError
from netinspect.records.checkpoint import Checkpoint
from tests.checkpoints.memory_source import read
from tests.checkpoints.safetensors_files import Raw, assemble, dump_pairs, entry, nearly
from tests.support import torch_dtypes

CODES = {name: code for code, name in SAFETENSORS.items()}


def read_by_library(raw: bytes) -> list[tuple[str, str, tuple[int, ...], bytes]]:
    """Return the names, dtypes, shapes and bytes that the library reads."""
    return sorted(
        (name, each["dtype"], tuple(each["shape"]), bytes(each["data"]))
        for name, each in safetensors.deserialize(raw)
    )


def told_by_us(raw: bytes, found: Checkpoint) -> list[tuple[str, str, tuple[int, ...], bytes]]:
    error_text = []
    for tensor in found.tensors:
        assert tensor.position is not None
        data = raw[tensor.position : tensor.position + tensor.bytes]
        error_text.append((tensor.name, CODES.get(tensor.dtype, tensor.dtype), tensor.shape, data))
    return sorted(error_text)


def cause(raw: bytes) -> str:
    with pytest.raises(CheckpointError) as caught:
        read(raw)
    return f"{caught.value.message}: {caught.value.cause}"


class TestAsTheLibrary:
    @pytest.mark.parametrize("code", [*SAFETENSORS, *SAFETENSORS_BITS])
    def test_read_safetensors_every_dtype(self, code: str) -> None:
        bits = {**SAFETENSORS_BITS}.get(code) or BITS[SAFETENSORS[code]]
        data = bytes(range(8 * bits // 8))
        raw = assemble(dump_pairs([("w", entry(code, [2, 4], 0, len(data)))]), data)
        assert told_by_us(raw, read(raw)) == read_by_library(raw) == [("w", code, (2, 4), data)]

    @pytest.mark.parametrize(
        "dtype",
        torch_dtypes(*SAFETENSORS.values()),
        ids=lambda dtype: str(dtype),
    )
    def test_read_safetensors_every_torch_dtype(self, dtype: torch.dtype) -> None:
        tensor = torch.arange(6).reshape(2, 3).to(torch.float32).to(dtype)
        (found,) = read(save({"w": tensor})).tensors
        assert (found.dtype, found.shape) == (str(dtype).removeprefix("torch."), (2, 3))
        assert found.bytes == tensor.nbytes

    def test_read_safetensors_scalars_and_empty_tensors(self) -> None:
        tensors = {"scalar": torch.tensor(1.5), "none": torch.empty(0), "flat": torch.empty(3, 0, 2)}
        raw = save(tensors)
        found = read(raw)
        assert told_by_us(raw, found) == read_by_library(raw)
        assert {each.name: each.shape for each in found.tensors} == {
            name: tuple(tensor.shape) for name, tensor in tensors.items()
        }

    def test_read_safetensors_no_tensors(self) -> None:
        raw = save({})
        assert (read(raw).tensors, read_by_library(raw)) == ((), [])

    def test_read_safetensors_any_names(self) -> None:
        names = [
            "",
            "a.b",
            "ä",
            "名",
            "\U0001f600",
            'quote"',
            "back\\slash",
            "\x1b[31m",
            "\n",
            "a\0b",
            "[/b]",
        ]
        raw = save({name: torch.zeros(1) for name in names})
        assert [each[0] for each in told_by_us(raw, read(raw))] == sorted(names)

    def test_read_safetensors_metadata(self, tmp_path: Path) -> None:
        words = {"format": "pt", "title": 'ä{}"\\', "long": "x" * 5000, "": ""}
        save_file({"w": torch.zeros(1)}, tmp_path / "m.safetensors", metadata=words)
        found = read_checkpoint(str(tmp_path / "m.safetensors")).metadata
        assert {each.name: each.text for each in found} == {
            key: text[:2000] for key, text in words.items()
        }

    def test_read_safetensors_many_tensors(self) -> None:
        state = {f"layers.{number}.weight": torch.zeros(number % 3) for number in range(5000)}
        raw = save(state)
        assert told_by_us(raw, read(raw)) == read_by_library(raw)

    def test_read_safetensors_order_of_bytes(self) -> None:
        header = [("b", entry("U8", [1], 1, 2)), ("a", entry("U8", [1], 0, 1))]
        assert [each.name for each in read(assemble(dump_pairs(header), b"xy")).tensors] == ["a", "b"]

    def test_read_safetensors_positions(self, tmp_path: Path) -> None:
        state = {"a": torch.arange(5.0), "b": torch.ones(3, dtype=torch.int16)}
        save_file(state, tmp_path / "m.safetensors")
        raw = (tmp_path / "m.safetensors").read_bytes()
        for tensor in read_checkpoint(str(tmp_path / "m.safetensors")).tensors:
            data = raw[tensor.position :][: tensor.bytes]
            expected = state[tensor.name].numpy()
            assert numpy.array_equal(numpy.frombuffer(data, expected.dtype), expected)

    @given(nearly())
    @settings(max_examples=400, deadline=None)
    def test_read_safetensors_agrees_with_library_on_damaged_files(self, raw: bytes) -> None:
        try:
            theirs, refusal = read_by_library(raw), ""
        except safetensors.SafetensorError as error:
            theirs, refusal = None, str(error)
        try:
            ours = read(raw)
        except CheckpointError:
            assert theirs is None or is_stricter_by_intention(raw)
        else:
            if theirs is None:
                assert "unknown variant" in refusal
                assert any("is unknown" in each for each in ours.warnings)
            else:
                assert told_by_us(raw, ours) == theirs


def is_stricter_by_intention(raw: bytes) -> bool:
    """Return whether a header has content that only the library accepts; see `safetensors`."""
    text = raw[8 : 8 + int.from_bytes(raw[:8], "little")]
    twice = []

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        twice.append(len(dict(pairs)) < len(pairs))
        return dict(pairs)

    header = json.loads(text, object_pairs_hook=note)
    described = [value for name, value in header.items() if name != "__metadata__"]
    return (
        any(twice)
        or not text.startswith(b"{")
        or header.get("__metadata__", {}) is None
        or any(isinstance(value, list) or len(value) > 3 for value in described)
        or any(size >= 2**63 for value in described for size in value["shape"])
    )


class TestRefused:
    """Tests of messages on damaged and hostile files."""

    @pytest.mark.parametrize(
        ("raw", "error_text"),
        [
            (b"", "it is empty"),
            (bytes(8), "the file consists of zeros only"),
            (b"\2" + bytes(7) + b"{", "expected a header of 2 bytes, but only 1 follow"),
            (b"\x00" * 5 + b"\1\0\0{}", "its header would have 1,099,511,627,776 bytes"),
            (assemble("{]"), "its header is not a JSON object"),
            (assemble('{"a"}'), "is not valid JSON at byte 9"),
            (assemble('{"a":1}'), "the entry 'a' must have exactly dtype"),
            (assemble("{} x"), "its header has text after its end"),
            (assemble('{"\\ud800":{}}'), "has a damaged string"),
            (assemble('{"\\x":{}}'), "has a damaged string"),
            (assemble(b'{"\xff":{}}'), "is not UTF-8"),
            (assemble('{"__metadata__":{"a":1}}'), "its __metadata__ has more than strings"),
            (assemble('{"__metadata__":{"a":"1",}}'), "its __metadata__ has more than strings"),
            (assemble('{"__metadata__":{"a":"1"},"__metadata__":{}}'), "'__metadata__' occurs twice"),
            (assemble('{"__metadata__":{"a":"1","a":"2"}}'), "'a' occurs twice in its __metadata__"),
            (assemble('{"__metadata__":{"a":"}","a":"2"}}'), "'a' occurs twice in its __metadata__"),
        ],
    )
    def test_read_safetensors_refuses_invalid_header(self, raw: bytes, error_text: str) -> None:
        assert error_text in cause(raw)

    @pytest.mark.parametrize(
        ("fields", "error_text"),
        [
            ([("dtype", "U8")], "must have exactly dtype, shape and data_offsets"),
            ([*entry("U8", [1], 0, 1), ("more", 1)], "must have exactly dtype, shape and data_offsets"),
            ([*entry("U8", [1], 0, 1), ("shape", [1])], "it has a duplicate key"),
            (entry(1, [1], 0, 1), "the dtype of 'w' is not valid: 1"),
            (entry("u8", [1], 0, 1), "the dtype of 'w' is not valid: 'u8'"),
            (entry("U8", 1, 0, 1), "are not lists of numbers"),
            (entry("U8", [1.0], 0, 1), "have an entry 1.0"),
            (entry("U8", [True], 0, 1), "have an entry True"),
            (entry("U8", [-1], 0, 1), "has a negative number"),
            (entry("U8", [Raw("-0")], 0, 0), "has a negative number"),
            (entry("U8", [2**63], 0, 1), "have an entry 9223372036854775808"),
            (entry("U8", [Raw("1" * 4000)], 0, 1), "have an entry 1111"),
            (entry("U8", [Raw("1" * 10_000)], 0, 1), "has 10,046 bytes, too many to describe a tensor"),
            (entry("U8", [1], 1, 0), "ends at 0, before its start at 1"),
            (entry("U8", [2], 0, 1), "takes 1 bytes, and (2,) of U8 takes 2"),
            (entry("F4", [1], 0, 1), "takes 1 bytes, and (1,) of F4 takes 0.5"),
            (entry("F64", [2**62, 2**62], 0, 1), "takes more than any file has"),
            (entry("F64", [2**62] * 64, 0, 1), "takes more than any file has"),
            (entry("U8", [2**40, 2**40, 0], 0, 0), "cannot be counted"),
            (entry("U8", [1] * 65, 0, 1), "has 65 dimensions"),
            (entry("U8", [Raw("[" * 1000 + "]" * 1000)], 0, 1), "not valid JSON"),
        ],
    )
    def test_read_safetensors_refuses_invalid_description(
        self, fields: list[tuple[str, Any]], error_text: str
    ) -> None:
        assert error_text in cause(assemble(dump_pairs([("w", fields)]), b"x"))

    @pytest.mark.parametrize(
        ("offsets", "size", "error_text"),
        [
            ([(0, 4), (2, 6)], 6, "'t1' and 't0' share 2 bytes"),
            ([(0, 4), (6, 8)], 8, "2 bytes after 't0' belong to no tensor"),
            ([(1, 4)], 4, "1 bytes at the start of the data belong to no tensor"),
            ([(0, 4)], 6, "after the last tensor: 2 bytes that belong to no tensor"),
            ([(0, 4), (4, 8)], 7, "'t1' is the first tensor that is cut"),
            ([(0, 4), (0, 4)], 4, "share 4 bytes"),
        ],
    )
    def test_read_safetensors_refuses_gaps_and_overlaps(
        self, offsets: list[tuple[int, int]], size: int, error_text: str
    ) -> None:
        header = [
            (f"t{number}", entry("U8", [end - begin], begin, end))
            for number, (begin, end) in enumerate(offsets)
        ]
        assert error_text in cause(assemble(dump_pairs(header), bytes(size)))

    def test_read_safetensors_refuses_too_many_tensors(self) -> None:
        one = '":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}'
        header = "{" + ",".join(f'"{number}{one}' for number in range(250_001)) + "}"
        assert "more than 250,000 tensors" in cause(assemble(header))

    def test_read_safetensors_refuses_too_much_metadata(self) -> None:
        header = json.dumps({"__metadata__": {str(number): "" for number in range(100_001)}})
        assert "more than 100,000 entries" in cause(assemble(header))


class TestAllowed:
    def test_read_safetensors_accepts_unknown_dtype(self) -> None:
        found = read(assemble(dump_pairs([("w", entry("F5_E1M3", [8], 0, 5))]), b"12345"))
        assert [(each.dtype, each.bytes) for each in found.tensors] == [("F5_E1M3", 5)]
        assert found.warnings == (
            "the dtype F5_E1M3 is unknown: its bytes were not checked against the shape",
        )

    @pytest.mark.parametrize("gap", [" ", "\n", "\t \r\n", " " * 3_000_000])
    def test_read_safetensors_accepts_whitespace(self, gap: str) -> None:
        described = f'{{"dtype":{gap[:9]}"U8","shape":[1],"data_offsets":[0,1]}}'
        text = f'{{{gap}"w"{gap}:{gap}{described}{gap}}}{gap}'
        raw = assemble(text, b"x")
        assert told_by_us(raw, read(raw)) == read_by_library(raw)

    def test_read_safetensors_entries_across_read_pieces(self) -> None:
        # Pieces have 1 MiB: each byte of an entry is at a border once.
        for shift in range(0, 120, 7):
            filler = "x" * ((1 << 20) - 8 - 120 + shift)
            raw = save({"a": torch.zeros(2), "b": torch.zeros(3)}, {"filler": filler})
            assert told_by_us(raw, read(raw)) == read_by_library(raw)
