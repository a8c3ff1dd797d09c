"""The `Checkpoint`: what one file, or one folder of shards, holds by its own account.

All of it is read off headers and pickles without running them; the tensors' values stay in the file.
"""

from __future__ import annotations

from typing import ClassVar
from typing import Literal as OneOf

from netinspect.records.base import record

FormatName = OneOf[
    "safetensors",
    "torch zip",
    "torch legacy",
    "torch tar",
    "TorchScript",
    "exported program",
    "pickle",
    "GGUF",
    "ONNX",
    "npy",
    "npz",
    "torch distributed",
]


@record
class StoredFile:
    """One file that was read."""

    name: str
    """As typed, or the name of a shard in its folder."""

    path: str
    """Where it is; an address where it is on the hub."""

    bytes: int
    modified: int | None = None
    """Nanoseconds since the epoch, by which a later change is noticed; None if no one reports."""

    compressed: str = ""
    """How it is compressed as a whole (`gzip`); positions then count in what it decompresses to."""


@record
class StoredPiece:
    """A box of a tensor's elements that is stored by itself, as each process of a training does."""

    offsets: tuple[int, ...]
    """Index of its first element in the tensor."""

    sizes: tuple[int, ...]
    file: int | None
    """Index of its file in `Checkpoint.files`; None if that is missing."""

    begin: int = 0
    """Byte of the file at which it begins, with a header of its own."""

    bytes: int = 0
    """Of it with its header."""

    position: int | None = None
    """Byte of the file at which its first element stands; None until its header was read."""


@record
class StoredTensor:
    """One named tensor of a checkpoint."""

    name: str
    """Its whole name: the keys that lead to it, with dots between."""

    dtype: str
    """torch's name such as `float32`; where torch has none, the format's own, such as `Q4_K` or `F4`."""

    shape: tuple[int, ...]
    """In torch's order, the fastest dimension last."""

    bytes: int
    """Bytes of its elements as they are stored."""

    storage: int
    """Number of the memory that it is in; tensors with the same number share it."""

    file: int | None = 0
    """Index of its file in `Checkpoint.files`; None if no file holds its values."""

    position: int | None = None
    """Byte of that file at which its first element stands; None if it cannot be read there, being
    compressed or somewhere else."""

    section: str = ""
    """The keys that lead to the dictionary that holds it, with dots between; empty for the outermost.
    The rest of its name, after a dot, is its own key, which may have dots too."""

    member: str = ""
    """Entry of an archive that holds it."""

    stride: tuple[int, ...] | None = None
    """Elements to step for each dimension; None if it is contiguous."""

    storage_bytes: int | None = None
    """Bytes of the whole memory that it is in, where that is more than its own."""

    shared_bytes: int = 0
    """Of its bytes those of an inner tensor that an earlier one is made of too."""

    kind: OneOf["parameter", "buffer", "tensor"] = "tensor"
    """`tensor` where the file does not report."""

    trainable: bool | None = None
    """None if the file does not report."""

    layout: str = "strided"
    """torch's name of how the elements are, or `quantized`."""

    byte_order: OneOf["little", "big"] = "little"
    """Of each element in the file."""

    pieces: tuple[StoredPiece, ...] = ()
    """The boxes that it is stored in; empty where it is stored as one, as in most formats."""

    @property
    def key(self) -> str:
        """Its name in the dictionary that holds it."""
        return self.name[len(self.section) + 1 :] if self.section else self.name

    @property
    def counted_bytes(self) -> int:
        """Bytes that it adds to a sum."""
        return self.bytes - self.shared_bytes

    @property
    def elements(self) -> int:
        """Number of its elements."""
        total = 1
        for size in self.shape:
            total *= size
        return total


@record
class Entry:
    """One value of a checkpoint that is not a tensor."""

    name: str
    type: str
    """Name of its type, in the words of the format."""

    text: str
    """The value, shortened where it is long."""


@record
class StoredModule:
    """One object of a pickled model, as the pickle reports it; its class was not imported."""

    path: str
    """Dotted path from the model; empty for itself."""

    class_path: str
    training: bool | None = None


@record
class ModuleVersion:
    """The version of one module's names, as `state_dict` keeps it next to its tensors."""

    section: str
    """The keys that lead to the state dict."""

    path: str
    """Dotted path of the module in it."""

    version: int


@record
class Global:
    """One name that loading a pickle would import, and what it would do with it."""

    name: str
    """Module and qualified name with a dot between, such as `torch._utils._rebuild_tensor_v2`."""

    uses: int
    """How often it would be called or made an instance of."""

    verdict: OneOf["needed", "other"]
    """`needed` where tensors, or what torch itself writes around them, cannot be reported without it."""

    member: str
    """Entry of an archive whose pickle names it; empty where the file is the pickle."""

    position: int
    """Byte of that pickle at which it is named first."""

    arguments: str = ""
    """The arguments of its first call, shortened; empty where it is needed."""

    file: int = 0
    """Index of the file that holds it."""


@record
class GraphTensor:
    """One input or output of a stored graph."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    """Sizes; a name where the file leaves a size open, `?` where it gives it no name; only `...` where
    it does not report how many there are, or where this is not a single tensor."""


@record
class Operator:
    """How often a graph runs one operator."""

    name: str
    """With its domain in front where that is not the format's own."""

    uses: int


@record
class Graph:
    """The computation that a file holds next to its tensors."""

    inputs: tuple[GraphTensor, ...]
    outputs: tuple[GraphTensor, ...]
    operators: tuple[Operator, ...]


@record
class Checkpoint:
    """One checkpoint."""

    schema: ClassVar[str] = "netinspect-checkpoint"
    schema_version: ClassVar[int] = 1

    target: str
    """What was asked for, as typed."""

    format: FormatName
    files: tuple[StoredFile, ...]
    tensors: tuple[StoredTensor, ...]
    """In the order of the file."""

    metadata: tuple[Entry, ...] = ()
    modules: tuple[StoredModule, ...] = ()
    """The tree of a pickled or scripted model, root first, where the file holds one."""

    globals: tuple[Global, ...] = ()
    versions: tuple[ModuleVersion, ...] = ()
    """Of modules that have had others than the first; what has none here was saved without any."""

    graph: Graph | None = None
    described: tuple[Entry, ...] = ()
    """The values of small tensors that describe packed weights next to them, such as their shape."""

    problems: tuple[str, ...] = ()
    """What is missing or wrong in it, although the rest could be read."""

    warnings: tuple[str, ...] = ()
    """What the user should know about the reading."""

    def __repr__(self) -> str:
        # Whole, it would fill many screens of a session.
        count = len(self.tensors)
        return f"<Checkpoint {self.target!r}: {self.format}, {count} tensor{'s' * (count != 1)}>"
