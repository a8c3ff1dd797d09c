"""Target strings, parsed without torch and without running user code.

A target is `lenet` (a sample), `file.py`, `file.py:Name`, `package.module:Name`, `timm:resnet50` (a
library model), `trace.json` (a saved trace), `model.safetensors` or a folder (a checkpoint), or
`hf:org/name` (a checkpoint on the hub).
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from pathlib import Path

from netinspect.errors import LoadError, UsageError, close_matches, suggestion
from netinspect.records.request import Target
from netinspect.records.saved import start_of
from netinspect.records.trace import Trace
from netinspect.targets.libraries.names import model_targets, split_library, targets_named
from netinspect.targets.samples import find_sample, sample_names

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
# The name follows the last colon after `.py`, so that `C:\models\net.py:Net` is valid.
_FILE = re.compile(r"(?P<file>.+\.py)(?::(?P<name>.*))?", re.DOTALL)
_DOTTED_NAME = rf"{_NAME}(?:\.{_NAME})*"
_ATTRIBUTE = r"[^\W\d]\w*(\.\w+)*"
"""A dotted name in a file; a layer in a list has an index, as in `layers.0`."""
_DOTTED = re.compile(rf"(?P<module>{_DOTTED_NAME}):(?P<name>.*)", re.DOTALL)
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
"""Start of a path on Windows, which is not a module of one letter."""
_GRAMMAR = (
    "a target is a sample (lenet), file.py:Class, package.module:Class, a library's model "
    "(timm:resnet50), a saved trace or a checkpoint (a file, a folder, hf:org/name)"
)
_MOST_SIBLINGS = 2000
"""Files of a folder that are searched for a similar name."""

_HUB = "hf:"
_INDEX = ".index.json"
"""Suffix of the index of a sharded checkpoint."""


def parse_target(text: str) -> Target:
    """Parse a target string.

    Names of models are not checked; see `mistyped.check_target`.

    Raises:
        UsageError: The string does not have the form of a target.
        LoadError: The sample or file does not exist, or is not a regular file.
    """
    if not text.strip():
        raise UsageError("the target is empty", hint=_GRAMMAR)
    if "\0" in text:
        raise UsageError("the target contains a NUL character", hint=_GRAMMAR)
    if (parts := split_library(text)) is not None and not os.path.exists(text):
        library, name = parts
        return Target(text=text, kind="library", place=library, name=name)
    if is_on_hub(text):
        return checkpoint_target(text)
    if match := _FILE.fullmatch(text):
        return _file_target(text, match["file"], match["name"])
    path = Path(text)
    if (sample := find_sample(text)) is not None:
        return Target(text=text, kind="sample", place=str(sample))
    dotted = None if _DRIVE.match(text) else _DOTTED.fullmatch(text)
    try:
        mode = file_mode(path)
    except LoadError:
        if dotted is None:
            raise
        mode = None  # a package may be in another folder too
    if mode is not None and stat.S_ISDIR(mode):
        return checkpoint_target(text)
    if mode is not None:
        return _other_file(text, path, mode)
    if dotted is not None:
        _check_name(text, dotted["name"])
        return Target(text=text, kind="dotted", place=dotted["module"], name=dotted["name"])
    raise _unknown(text)


def is_on_hub(text: str) -> bool:
    """Return whether a target names a checkpoint on the hub, and not an existing file."""
    return text.startswith(_HUB) and not os.path.exists(text)


def checkpoint_target(text: str) -> Target:
    """Return a target that is read as a checkpoint, whatever its text looks like."""
    return Target(text=text, kind="hub" if is_on_hub(text) else "checkpoint", place=text)


def stored_target(path: str, name: str) -> Target:
    """Return the target of a file that is read as a saved trace or a checkpoint, whatever its name.

    Args:
        path: Path of the file.
        name: Name for titles and messages.

    Raises:
        LoadError: The file cannot be read.
    """
    return _other_file(name, Path(path), os.stat(path).st_mode)


def check_live(target: Target) -> None:
    """Check that a target names a model that can be built, which a saved trace is not.

    Raises:
        UsageError: The target is a saved trace.
    """
    if target.kind == "saved":
        # A saved trace records the target it came from, but reading a file must not run a model.
        raise UsageError(
            f"{target.text} is a saved trace; this command must build the model",
            hint="pass the target of the model itself; of a saved trace: netinspect summary "
            + shlex.quote(target.text),
        )


def file_mode(path: Path) -> int | None:
    """Return the `st_mode` of a path; None if it does not exist.

    Raises:
        LoadError: The path cannot be reached.
    """
    try:
        return os.stat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:  # a lone surrogate
        raise LoadError(f"cannot read {str(path)!r}", cause=str(error)) from error
    except OSError as error:
        closed = _closed_folder(path) if isinstance(error, PermissionError) else None
        raise LoadError(
            f"cannot reach {path}",
            cause=error.strerror if closed is None else f"{error.strerror}: {closed}",
            hint=None
            if closed is None
            else "allow this user to enter the folder (chmod +x), or copy its content elsewhere",
        ) from error


def _closed_folder(path: Path) -> str | None:
    """Return a text for the outermost parent of a path that cannot be entered; None without one."""
    for folder in reversed(path.parents):
        try:
            os.stat(os.path.join(folder, os.curdir))
        except PermissionError:
            return f"the folder {folder}" if folder.name else "the current folder"
        except OSError:
            return None
    return None


def _file_target(text: str, file: str, name: str | None) -> Target:
    path = Path(file)
    mode = file_mode(path)
    if mode is None:
        # A path with a folder cannot be meant as the name of a sample.
        samples = () if path.parent.name else sample_names()
        raise _missing(file, _similar_files(path, ".py") or suggestion(path.stem, samples) or _GRAMMAR)
    if stat.S_ISDIR(mode):
        raise LoadError(f"{file} is a directory", hint=f"name a file in it; {_GRAMMAR}")
    if not stat.S_ISREG(mode):
        raise LoadError(f"{file} is not a regular file", hint=_GRAMMAR)
    if name is not None:
        _check_name(text, name)
    return Target(text=text, kind="file", place=str(path), name=name)


def _missing(file: str, hint: str) -> LoadError:
    """Return the error for a missing file, a broken link or a removed current folder."""
    if os.path.islink(file):
        return LoadError(
            f"{file} is a broken link",
            cause=f"it points to {os.readlink(file)}",
            hint="restore the file, or name it at its new place",
        )
    cause = None
    if not os.path.isabs(file):
        try:
            os.getcwd()
        except OSError:
            cause, hint = "the current folder no longer exists", "change to another folder"
    return LoadError(f"the file {file} does not exist", cause=cause, hint=hint)


_NO_TARGETS = (
    *(".cfg", ".csv", ".html", ".ini", ".ipynb", ".jpg", ".lock", ".log", ".md", ".png"),
    *(".rst", ".sh", ".svg", ".toml", ".txt", ".yaml", ".yml"),
)
"""Suffixes of files that cannot be targets, and are not suggested."""


def _similar_files(path: Path, suffix: str = "") -> str | None:
    """Suggest files or folders with similar names in the same folder.

    Args:
        path: The missing path.
        suffix: Suffix of the files to suggest; empty for all.
    """
    try:
        siblings = sorted(os.listdir(path.parent))[:_MOST_SIBLINGS]
    except (OSError, ValueError):
        return None
    # Stems are compared, since the suffix is the same.
    names = {
        Path(each).stem: each
        for each in siblings
        if each.endswith(suffix) and not each.lower().endswith(_NO_TARGETS)
    }
    similar = [path.parent / names[stem] for stem in close_matches(path.stem, names)]
    # listdir also returns broken links.
    existing = [repr(str(each)) for each in similar if os.path.exists(each)]
    return f"did you mean {' or '.join(existing)}?" if existing else None


def _other_file(text: str, path: Path, mode: int) -> Target:
    """Return the target of a saved trace or a checkpoint, distinguished by the first bytes.

    Any other file counts as a checkpoint; its format is only checked when it is read.
    """
    if not stat.S_ISREG(mode):
        raise LoadError(f"{text} is not a regular file", hint=_GRAMMAR)
    try:
        with path.open("rb") as file:
            head = start_of(file.read(1024))
    except OSError as error:
        raise LoadError(f"cannot read {text}", cause=error.strerror) from error
    is_json = head.lstrip().startswith(b"{") and not text.endswith(_INDEX)
    is_trace = is_json and (path.suffix == ".json" or Trace.schema.encode() in head)
    return Target(text=text, kind="saved" if is_trace else "checkpoint", place=str(path))


def _check_name(text: str, name: str) -> None:
    if not re.fullmatch(_ATTRIBUTE, name):
        meant = name.lstrip(":").partition("(")[0]
        raise UsageError(
            f"{name!r} in the target {text!r} is not a name" if name else f"{text!r} ends in a colon",
            hint=f"did you mean {text.removesuffix(name).rstrip(':')}:{meant}?"
            if meant != name and re.fullmatch(_DOTTED_NAME, meant)
            else "add the name of a class, a factory function or an instance after the colon",
        )


def _in_libraries(name: str) -> str | None:
    # For `bert-base-uncased`, the library has the model type `bert`.
    targets = targets_named(name) or targets_named(name.partition("-")[0])
    return f"did you mean {' or '.join(targets)}?" if targets else None


def _similar_model(text: str) -> str | None:
    """Suggest samples and models of all installed libraries with similar names."""
    samples = {name: name for name in sample_names()}
    # Samples take precedence over models of the same name.
    candidates = {**model_targets(), **samples}
    near = close_matches(text, [*samples, *candidates])
    return f"did you mean {' or '.join(repr(candidates[each]) for each in near)}?" if near else None


def _of_hub(text: str) -> str | None:
    """Return a hint for a text that has the form of a name on the hub, unless it may be a path."""
    if not re.fullmatch(r"[\w-]+/[\w.-]+", text) or os.path.exists(Path(text).parent):
        return None
    return (
        f"on the hub, with --online: {_HUB}{text} is its checkpoint, transformers:{text} its model "
        f"(of a pipeline: diffusers:{text}/unet)"
    )


def _unknown(text: str) -> LoadError:
    if os.path.islink(text):
        return _missing(text, _GRAMMAR)
    if os.path.isfile(f"{text}.py"):
        return LoadError(f"there is no sample {text!r}", hint=f"did you mean {text}.py?")
    if "/" in text or "\\" in text or re.search(r"\.\w+$", text):
        return _missing(text, _similar_files(Path(text)) or _of_hub(text) or _GRAMMAR)
    return LoadError(
        f"there is no sample {text!r}",
        hint=_in_libraries(text)
        or _similar_model(text)
        or _similar_files(Path(text))
        or f"the samples are: {', '.join(sample_names())}",
    )
