"""TorchScript archives: a scripted or traced model with its TorchScript code."""

from __future__ import annotations

import re

from netinspect.checkpoints.formats.torch_zip import add_pickle, finish, is_swapped, prefix_of
from netinspect.checkpoints.io.zip_archive import Archive
from netinspect.checkpoints.pickle.collected_content import Content
from netinspect.checkpoints.pickle.tensor_extractor import Kind, Kinds
from netinspect.errors import CheckpointError
from netinspect.records.checkpoint import Checkpoint, Entry

_NO_CONSTANTS = Entry(name="constants", type="tuple", text="()")
_LARGEST_CODE = 4 << 20
_MOST_CODE = 32 << 20
_DECLARED = re.compile(
    r"^class (?P<class>\w+)\(|^  __(?P<kind>parameters|buffers)__ = \[(?P<names>.*)\]$", re.MULTILINE
)
_NAME = re.compile(r'"([^"\\]+)"')


def read_torch_script(archive: Archive) -> Checkpoint:
    """Read a file written by `torch.jit.save`.

    Raises:
        CheckpointError: The archive is damaged.
        LoadError: The archive cannot be read.
    """
    content = Content(archive.source)
    content.swapped = is_swapped(archive)
    kinds = _kinds(archive)
    add_pickle(archive, content, "data.pkl", "data", kinds=kinds)
    add_pickle(archive, content, "constants.pkl", "constants", name="constants", kinds=kinds)
    content.metadata = [each for each in content.metadata if each != _NO_CONSTANTS]
    content.warn_of_names()
    return finish(archive, content, "TorchScript")


def _kinds(archive: Archive) -> Kinds:
    """Return the attributes of each class that its code declares as parameters or buffers."""
    kinds: dict[str, dict[str, Kind]] = {}
    if archive.source.remote:
        return kinds
    folder = f"{prefix_of(archive)}code/"
    left = _MOST_CODE
    for name, member in archive.members.items():
        if not name.startswith(folder) or not name.endswith(".py"):
            continue
        left -= member.size
        if member.size > _LARGEST_CODE or left < 0:
            continue
        try:
            code = archive.read(name, _LARGEST_CODE).decode("utf-8", "replace")
        except CheckpointError:
            break  # the tensors can be listed without it
        module = name[len(folder) : -len(".py")].replace("/", ".")
        declared: dict[str, Kind] = {}
        for match in _DECLARED.finditer(code):
            if match["class"]:
                declared = kinds.setdefault(f"{module}.{match['class']}", {})
            else:
                kind: Kind = "parameter" if match["kind"] == "parameters" else "buffer"
                declared.update((each, kind) for each in _NAME.findall(match["names"]))
    return kinds
