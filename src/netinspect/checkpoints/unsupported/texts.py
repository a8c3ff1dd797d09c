"""Identification of text formats: JSON keys, XML elements, and line patterns."""

from __future__ import annotations

import codecs
import re

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_TOKEN = re.compile(r'"((?:[^"\\]|\\(?:.|\Z))*)(?:"|\Z)|[{}\[\]:,]', re.DOTALL)

_TOKENIZER = frozenset(
    (
        *("version", "truncation", "padding", "added_tokens", "normalizer"),
        *("pre_tokenizer", "post_processor", "decoder", "model"),
    )
)
_JSON: tuple[tuple[frozenset[str], str], ...] = tuple(
    (frozenset(keys.split()), key)
    for keys, key in (
        ("weight_map", "index json"),
        ("nodes arg_nodes heads", "mxnet symbol"),
        ("modelTopology", "tfjs"),
        ("format weightsManifest", "tfjs"),
        ("fileFormatVersion itemInfoEntries", "coreml package"),
        ("zarr_format", "zarr metadata"),
        ("features_info model_info", "catboost json"),
        ("oblivious_trees", "catboost json"),
        ("added_tokens model", "tokenizer json"),
        ("cells nbformat", "notebook"),
        ("peft_type", "adapter json"),
        ("class_name config", "keras json"),
        ("model_type", "config json"),
        ("architectures", "config json"),
        ("_class_name _diffusers_version", "config json"),
    )
)
_ERROR_KEYS = frozenset(
    ("error", "errors", "message", "status", "code", "detail", "statusCode", "path", "timestamp")
)
_SHORT = 2000
_ELEMENT = re.compile(r"<([\w:.-]{1,100})([^>]{0,1000})")
_PROLOGUE = (("<?", "?>"), ("<!--", "-->"), ("<!", ">"))
_MOST_LINES = 2000
_LAYER = re.compile(r"(?:layers?|input|input_param)\s{0,9}[:{]")
_TYPE = re.compile(r"(?:.{0,200}\W)?type\s{0,9}:\s{0,9}[\"A-Z]")
_BACKEND = re.compile(r'(?:platform|backend)\s{0,9}:\s{0,9}"')
_BATCH = re.compile(r"max_batch_size\s{0,9}:|input\s{0,9}[\[{]")
_SETTING = re.compile(r"\w{1,100}\s{0,9}=")
_ERROR = re.compile(
    r"(?:error:? ?)?(?:\d{3}:? )?(?:(?:entry|repository|revision|file|page) )?not found\b.{0,200}"
    r"|invalid (?:username or password|credentials|rev id).{0,200}"
    r"|access to model .{1,200} is restricted.{0,500}"
    r"|(?:\d{3}:? )?(?:access denied|unauthorized|forbidden|bad gateway|service unavailable"
    r"|internal server error|too many requests|gateway time-?out)\b.{0,200}",
    re.DOTALL | re.IGNORECASE,
)
_LEAST_NUMBERS = 5
_LEAST_LINES = 2
_NUMBER = re.compile(r"-?(?:\d{1,40}\.?\d{0,40}|\.\d{1,40})(?:[eE][-+]?\d{1,9})?")
_COUNTS = re.compile(r"(\d{1,9}) (\d{1,5})")


def decode(head: bytes) -> str | None:
    """Decode the first bytes of a file, or return None if they are not text."""
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text


def match_text(text: str, size: int) -> str | None:
    """Return the catalog key of the format of a text, or None.

    Args:
        text: The start of the file.
        size: Its size in bytes.
    """
    start = text.lstrip()
    if start.startswith("{"):
        return _match_json(start, size)
    if start.startswith("<") and (found := _match_xml(start)) is not None:
        return found
    if size <= _SHORT and _ERROR.fullmatch(text.strip()) is not None:
        return "hub error"
    return _match_lines(text.split("\n", _MOST_LINES)) or _match_vectors(text)


def _match_json(text: str, size: int) -> str | None:
    keys = _outer_keys(text)
    inside = set(keys)
    if keys[:1] == ["learner"]:
        return "xgboost json"
    if keys[:1] == ["base_code"] and '"pir"' in text[:100]:
        return "paddle json"
    for needed, key in _JSON:
        if inside >= needed:
            return key
    if inside >= {"version", "model"} and inside <= _TOKENIZER:
        return "tokenizer json"
    if '"data_offsets"' in text and '"dtype"' in text and '"shape"' in text:
        return "safetensors json"
    if size <= _SHORT and inside & {"error", "errors"} and inside <= _ERROR_KEYS:
        return "hub error"
    return None


def _outer_keys(text: str) -> list[str]:
    """Return the keys of the outermost object within the text."""
    keys: list[str] = []
    depth, last = 0, None
    for token in _TOKEN.finditer(text):
        mark = token[0][0]
        if mark == '"':
            last = token[1] if depth == 1 else None
            continue
        if mark in "{[":
            depth += 1
        elif mark in "}]":
            depth -= 1
        elif mark == ":" and depth == 1 and last is not None:
            keys.append(last)
        last = None
    return keys


def _match_xml(text: str) -> str | None:
    """Match the outermost element after declarations and comments."""
    at = 0
    while (
        bracket := next((each for each in _PROLOGUE if text.startswith(each[0], at)), None)
    ) is not None:
        end = text.find(bracket[1], at)
        if end < 0:
            break
        at = end + len(bracket[1])
        at += len(text[at:]) - len(text[at:].lstrip())
    match = _ELEMENT.match(text, at)
    name = "" if match is None else match[1].rpartition(":")[2]
    if match is not None and name == "net" and "version" in match[2] and "<layers" in text:
        return "openvino"
    if name == "PMML":
        return "pmml"
    if name.lower() in ("html", "head", "body"):
        return "html"
    if name in ("Error", "error") and ("<Code>" in text or "<code>" in text):
        return "xml error"
    return "xml" if text.startswith("<?xml") else None


def _match_lines(lines: list[str]) -> str | None:
    """Match settings with one line each."""
    lines = [line for each in lines if (line := each.strip()) and line[0] not in "#;"]
    if lines[:1] in (["[net]"], ["[network]"]) and any(map(_SETTING.match, lines)):
        return "darknet cfg"
    if any(map(_BACKEND.match, lines)) and any(map(_BATCH.match, lines)):
        return "triton config"
    if any(map(_LAYER.match, lines)) and any(map(_TYPE.match, lines)):
        return "prototxt"
    return None


def _match_vectors(text: str) -> str | None:
    """Match lines of a word followed by a constant number of floats."""
    lines = text.split("\n")[:8]
    counts = _COUNTS.fullmatch(lines[0].strip())
    lines = lines[1:] if counts else lines
    whole = [line.rstrip().split(" ") for line in lines[:-1] if line.strip()]
    width = int(counts[2]) if counts else len(whole[0]) - 1 if whole else 0
    if len(whole) < (1 if counts else _LEAST_LINES) or width < (1 if counts else _LEAST_NUMBERS):
        return None
    for word, *numbers in whole:
        if len(numbers) != width or not all(map(_NUMBER.fullmatch, numbers)):
            return None
        if not counts and _NUMBER.fullmatch(word) and len(whole) < 4:
            return None
    if not counts and all(_NUMBER.fullmatch(word) for word, *_ in whole):
        return None  # a table of numbers
    return "word2vec text" if counts else "glove"
