"""Shapes and dtypes of arguments from the docstring and the annotations of `forward`.

Typical texts are `x: images of shape (batch, channels, height, width)` and the annotation
`Float[Tensor, "b c h w"]`. A word in a shape is a size of another argument, a setting of the model's
config, or a known kind of dimension; numbers stand for themselves.
"""

from __future__ import annotations

import functools
import inspect
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from torch import nn

from netinspect._utils.classes import ancestors, defining_module, namespace_of
from netinspect._utils.signatures import annotations_of, signature_of
from netinspect.inputs.infer.candidate import Candidate, Guess, tensor
from netinspect.inputs.infer.comments import comments_of
from netinspect.inputs.infer.model_facts import TOKENS, ModelFacts
from netinspect.inputs.signature import class_method
from netinspect.records.base import replace

_LONGEST_NAME = 200
_MOST_PARTS = 20
_SIDE = 224
_LARGEST = 1 << 20

_LONGEST = 20_000
"""Characters of a docstring that are searched. The patterns use possessive quantifiers such as `*+`, so
that no text makes them backtrack."""

_SHAPE = re.compile(r"of\s++(?:shape|size)s?:?\s*+`*+[(\[]++(?P<sizes>(?:[^()\]`]|\([^()]*+\))*+)[)\]]")
_REMARK = re.compile(r"(?<!\s)\s*+\([^()]*+\)")
_TUPLE = re.compile(r"[(\[](?P<sizes>\s*+(?:\.\.\.|\w)[\w.*+/ ]*+(?:,\s*+\w[\w.*+/ ]*+)++,?\s*+)[)\]]")
_DTYPES = (
    (re.compile(r"LongTensor|IntTensor|\bint64\b|torch\.long|\bindices\b"), "int64"),
    (re.compile(r"BoolTensor|\bboolean\b|\bbool\b"), "bool"),
    (re.compile(r"FloatTensor|\bfloat32\b|torch\.float"), "float32"),
)
_ARRAY = re.compile(r"""\b(?P<kind>\w++)\[[\w.]*Tensor\s*,\s*["'](?P<sizes>[^"']+)["']\s*\]""")
_TYPED = re.compile(r"""\bTensorType\[(?P<sizes>[^\[\]]{1,200}+)\]""")
_AXES = re.compile(r"\((?P<joined>[^()]*+)\)|[#*]?+(?:[^\W\d]\w*+=)?+(?P<single>[\w+*-]++|\.\.\.)")
_PRODUCT = re.compile(r"(?<![\w.])\w++(?:\s++[x\xd7]\s++\w++){1,5}(?!\w)")
_FOUND = re.compile(r"\b(got|found|received|given|was|weight|is)\b")
"""Words in an error message before what it found, not what it expects."""

_SECTION = re.compile(r"(?m)^[ \t]*+(?:Inputs?|Shapes?|Forward)\b[^:\n]{0,40}+:[\s\S]*+")
"""Sections of the docstring of a class about its inputs."""
_ARRAY_DTYPES = {"Int": "int64", "Integer": "int64", "UInt8": "uint8", "Bool": "bool"}

_BATCH = re.compile(r"(.*_)?(batch(_?size)?|bsz?|b|n)")
_CHANNELS = re.compile(r"(.*_)?channels?|c")
_SIDES = re.compile(r"(.*_)?(height|width|image_size|frame_size|img_size)|h|w")
_FEATURES = re.compile(r"(.*_)?(mel_bins|num_bins|feature_dim|feature_size)")
_WIDTH = re.compile(r"(.*_)?(features?|feats?|dims?|emb|embed|embedding|hidden(_size)?)|d|e|f|c")
_NUMBER_OF_FEATURES = ("n_feature", "n_features", "num_features", "input_dim", "in_features", "dim")
_LENGTH = re.compile(
    r"(.*_)?(len(gth)?|seq(_?len(gth)?)?|seqlen|tokens?|time(_steps)?|frames?|patches|samples|points"
    r"|frame_len)|t|s|l"
)


class DocumentedShape(NamedTuple):
    """Documented shape and dtype of one argument."""

    sizes: tuple[str, ...]
    """One word, number, sum or product for each dimension."""

    dtype: str | None


def documented_arguments(model: nn.Module, call: str = "forward") -> Mapping[str, DocumentedShape]:
    """Parse the annotations and the docstring of the method of a model to run."""
    forward = class_method(model, call)
    text = _docstring(type(model), call)
    try:
        return _documented(forward, text)
    except TypeError:  # `forward` is an unhashable object, so that its result cannot be cached
        return _documented.__wrapped__(forward, text)


def _docstring(cls: type, call: str) -> str:
    """Return the start of the docstring of a method of a class, or of that of a base class.

    Sections about inputs in the docstring of the class follow.
    """
    # `inspect.getdoc` takes quadratic time for many blank lines.
    for each in ancestors(cls):
        text = getattr(namespace_of(each).get(call), "__doc__", None)
        if isinstance(text, str):
            break
    else:
        text = ""
    text = inspect.cleandoc(text[:_LONGEST])
    of_class = None if defining_module(cls).startswith("torch.") else namespace_of(cls).get("__doc__")
    section = _SECTION.search(inspect.cleandoc(of_class[:_LONGEST])) if type(of_class) is str else None
    return f"{text}\n{section[0]}" if section is not None else text


@functools.lru_cache(maxsize=64)
def _documented(forward: Callable[..., Any], text: str) -> Mapping[str, DocumentedShape]:
    try:
        names = list(signature_of(forward).parameters)[1:]
    except (TypeError, ValueError):
        return {}
    text = re.split(r"(?m)^[ \t]*+(?:Returns?|Yields|Raises|Examples?):?[ \t]*+$", text)[0]
    found = dict(_annotated(forward))
    for name, part in _parts(text, names):
        _add(found, name, part)
    comments = comments_of(forward)
    for comment in comments:
        for name in names:
            if re.search(rf"\b{re.escape(name)}\b", comment):
                _add(found, name, comment)
    general = _INPUT.search(text) if len(names) == 1 else None
    if general is not None:
        _add(found, names[0], general["text"])
    return found


_INPUT = re.compile(r"(?mi)^[ \t]*+[-*]?+\s*+`*+inputs?`*+\s*+:(?P<text>.{1,200}+)")


def _add(found: dict[str, DocumentedShape], name: str, part: str) -> None:
    """Add the shape in a text about an argument, unless one is known."""
    match = _SHAPE.search(part) or _TUPLE.search(part)
    product = _PRODUCT.search(part) if match is None else None
    if name in found or (match is None and product is None):
        return
    end = match.end() if match is not None else len(part)
    dtype = next((dtype for pattern, dtype in _DTYPES if pattern.search(part[:end])), None)
    if match is not None:
        specified = _REMARK.sub("", match["sizes"]).split(",")
    else:
        specified = re.split(r"\s++[x\xd7]\s++", product[0]) if product is not None else []
        if not all(word.strip().isdecimal() or _is_word_of_size(word) for word in specified):
            return
    sizes = tuple(size.strip().strip("*`") for size in specified)
    sizes = tuple(re.sub(r"_\{?in\}?$", "", size) for size in sizes if size)
    if sizes:
        found[name] = DocumentedShape(sizes, dtype)


def _is_word_of_size(word: str) -> bool:
    name = word.strip().lower()
    patterns = (_BATCH, _CHANNELS, _SIDES, _FEATURES, _LENGTH, _WIDTH)
    return len(name) <= _LONGEST_NAME and any(pattern.fullmatch(name) for pattern in patterns)


def _annotated(forward: Callable[..., Any]) -> Iterator[tuple[str, DocumentedShape]]:
    for name, annotation in annotations_of(forward).items():
        text = annotation if isinstance(annotation, str) else str(annotation)
        match = _ARRAY.search(text[:_LONGEST])
        if match is not None:
            dtype = _ARRAY_DTYPES.get(match["kind"], "float32")
            yield name, DocumentedShape(tuple(_axes(match["sizes"])), dtype)
        elif (typed := _TYPED.search(text[:_LONGEST])) is not None:
            sizes = [size.strip(" \"'") for size in typed["sizes"].split(",")]
            yield name, DocumentedShape(tuple(filter(None, sizes)), None)


def _axes(text: str) -> Iterator[str]:
    """Yield the sizes of a pattern such as `b (h w) c` or `*batch #n dim=3`."""
    for match in _AXES.finditer(text):
        yield "*".join(match["joined"].split()) if match["joined"] else match["single"]


def _parts(text: str, names: list[str]) -> Iterator[tuple[str, str]]:
    """Split a docstring into the parts about each argument, in order."""
    names = [name for name in names if len(name) <= _LONGEST_NAME]
    begins = re.compile(
        rf"(?m)^[ \t]*+(?:[-*:]|:?param\s)?[ \t]*+`*+(?P<name>{'|'.join(map(re.escape, names))})\b"
    )
    matches = list(begins.finditer(text)) if names else []
    for match, following in zip_longest(matches, matches[1:]):
        yield match["name"], text[match.end() : following.start() if following else len(text)]


def refine_by_docstring(
    name: str, guess: Guess | None, others: Candidate, facts: ModelFacts
) -> Guess | None:
    """Return a guess with the documented dimensions and dtype.

    Args:
        name: Name of the argument.
        guess: Guess from names and layers, if any.
        others: Guesses for the arguments before it, whose sizes it may share.
        facts: The model.

    Returns:
        The guess unchanged if nothing is documented or the documentation agrees with it.
    """
    documented = documented_arguments(facts.model, facts.names.method).get(name)
    if documented is None:
        return guess
    dtype = documented.dtype or (guess.spec.dtype if guess is not None else "float32")
    known = _shared(others, facts)
    if (
        guess is not None
        and len(guess.spec.shape) == len(documented.sizes)
        and guess.spec.dtype == dtype
    ):
        # A size with the same name in another argument takes precedence.
        pairs = zip(documented.sizes, guess.spec.shape, strict=True)
        shape = tuple(
            int(word) if at > 1 and word.isdecimal() and len(word) < 7 else known.get(word, size)
            for at, (word, size) in enumerate(pairs)
        )
        return guess if shape == guess.spec.shape else replace(guess, spec=guess.spec.with_shape(shape))
    if "..." in documented.sizes:
        return _with_last(name, guess, documented, facts)
    sizes = _sizes(documented.sizes, known, facts, guess)
    shape = tuple(size or TOKENS for size in sizes)
    reason = f"forward documents {name} as ({', '.join(documented.sizes)})"
    if guess is not None and guess.spec.dtype == dtype:
        return replace(guess, spec=guess.spec.with_shape(shape), reason=reason)
    low: float | None
    high: float | None
    low, high = (None, None) if dtype == "float32" else (0, 1)
    if low is not None and guess is not None and guess.spec.low is not None:
        low, high = guess.spec.low, guess.spec.high if dtype != "bool" else guess.spec.low
    return tensor(*shape, dtype=dtype, low=low, high=high, reason=reason, firm=None not in sizes)


def _with_last(
    name: str, guess: Guess | None, documented: DocumentedShape, facts: ModelFacts
) -> Guess | None:
    """Return a guess with the last size of a shape such as `(..., self.dim)`."""
    size = _size(documented.sizes[-1], {}, facts)
    if documented.sizes[0] != "..." or len(documented.sizes) != 2 or size is None:
        return guess
    reason = f"forward documents {name} as ({', '.join(documented.sizes)})"
    leading = guess.spec.shape[:-1] if guess is not None else ()
    if guess is not None and (guess.spec.shape[-1:] == (size,) or not guess.spec.is_floating):
        return guess
    return tensor(*(leading or (1, TOKENS)), size, reason=reason, firm=False)


def parse_shape_in_words(text: str, facts: ModelFacts) -> tuple[int, ...] | None:
    """Parse a shape in an error message, such as `of shape (batch_size, 2, height, width)`."""
    match = _SHAPE.search(text)
    if match is None or _FOUND.search(text[max(0, match.start() - 40) : match.start()]):
        return None
    words = [word.strip() for word in match["sizes"].split(",") if word.strip()]
    sizes = [_size(word, {}, facts) for word in words]
    return tuple(size or TOKENS for size in sizes) if len(sizes) > 1 else None


def _sizes(
    words: Sequence[str], known: Mapping[str, int], facts: ModelFacts, guess: Guess | None
) -> list[int | None]:
    """Return the sizes that the words of a shape stand for, each None if unknown.

    The last word may be the features that a layer takes.
    """
    names = [word.strip().lower() for word in words]
    has_sides = any(_SIDES.fullmatch(name) for name in names)
    sizes: list[int | None] = []
    for index, (word, name) in enumerate(zip(words, names, strict=True)):
        size, is_last = _size(word, known, facts), index == len(words) - 1
        if is_last and not name.isdecimal() and word.strip() not in known and _WIDTH.fullmatch(name):
            size = _features_of(facts, guess) or size
        elif _CHANNELS.fullmatch(name) and word.strip() not in known and not has_sides:
            size = facts.setting(name, "num_channels", "in_channels", "in_chans")
            size = size if type(size) is int and size > 0 else 1
        sizes.append(size)
    return sizes


def _features_of(facts: ModelFacts, guess: Guess | None) -> int | None:
    """Return the features of a layer that takes rows, or of a setting."""
    if guess is not None and guess.spec.is_floating and len(guess.spec.shape) in (2, 3):
        return guess.spec.shape[-1]
    found = facts.setting(*_NUMBER_OF_FEATURES)
    return found if type(found) is int and found > 0 else None


def _shared(others: Candidate, facts: ModelFacts) -> dict[str, int]:
    """Return the sizes of the words in the documented shapes of other arguments."""
    documented = documented_arguments(facts.model, facts.names.method)
    known: dict[str, int] = {}
    for name, guess in others.items():
        words = documented[name].sizes if name in documented else ()
        if len(words) == len(guess.spec.shape):
            known = {**dict(zip(words, guess.spec.shape, strict=True)), **known}
    return known


def _size(word: str, known: Mapping[str, int], facts: ModelFacts) -> int | None:
    """Return the size that a word stands for, or None if unknown."""
    word = word.strip()
    if word in known:
        return known[word]
    if word.isdecimal():
        return min(int(word[:10]), _LARGEST)
    for sign, combine in (("+", sum), ("*", math.prod)):
        if sign in word:
            words = word.split(sign)
            if len(words) > _MOST_PARTS:
                return None
            parts = [_size(part, known, facts) for part in words]
            sizes = [part for part in parts if part is not None]
            return min(combine(sizes), _LARGEST) if len(sizes) == len(parts) else None
    name = word.rpartition(".")[2].lower()
    if len(name) > _LONGEST_NAME:
        return None
    if _BATCH.fullmatch(name):
        return 1
    setting = facts.setting(name) if len(name) > 1 else None
    if isinstance(setting, int) and not isinstance(setting, bool) and 0 < setting <= _LARGEST:
        return setting
    for pattern, size in (
        (_CHANNELS, facts.setting("num_channels", "in_channels") or 3),
        (_SIDES, facts.setting("image_size") or _SIDE),
        (_FEATURES, facts.setting("num_mel_bins", "feature_size") or 80),
        (_LENGTH, TOKENS),
    ):
        if pattern.fullmatch(name):
            return size if isinstance(size, int) else _SIDE
    return None
