"""`Checkpoint`, the record of a checkpoint file or a folder of shards.

It is read from headers, and from pickles without running them. Values of tensors stay in the file.
"""

from __future__ import annotations

from typing import ClassVar
from typing import Literal as OneOf

from netinspect.records.base import record


@record
class StoredFile:
    """One file that was read."""

    name: str
    """Name as typed, or the name of a shard in its folder."""

    path: str
    """Path of the file, or its address on the hub."""

    bytes: int
    modified: int | None = None
    """Modification time in nanoseconds since the epoch, to detect later changes; None if unknown."""

    compressed: str = ""
    """Compression of the whole file, such as `gzip`; positions are then in the decompressed bytes."""


@record
class StoredPiece:
    """A box of a tensor's elements that is stored separately, as in distributed training."""

    offsets: tuple[int, ...]
    """Index of its first element in the tensor."""

    sizes: tuple[int, ...]
    file: int | None
    """Index of its file in `Checkpoint.files`; None if that is missing."""

    begin: int = 0
    """Byte offset of its header in the file."""

    bytes: int = 0
    """Bytes of the piece with its header."""

    position: int | None = None
    """Byte offset of its first element in the file; None until its header was read."""


@record
class StoredTensor:
    """One named tensor of a checkpoint."""

    name: str
    """Full name: the keys that lead to it, joined by dots."""

    dtype: str
    """torch's name such as `float32`; the format's own, such as `Q4_K` or `F4`, if torch has none."""

    shape: tuple[int, ...]
    """In torch's order, the fastest dimension last."""

    bytes: int
    """Bytes of its elements in the file."""

    storage: int
    """Number of its storage; tensors with the same number share memory."""

    file: int | None = 0
    """Index of its file in `Checkpoint.files`; None if no file holds its values."""

    position: int | None = None
    """Byte offset of its first element in that file; None if it cannot be read there, because it is
    compressed or in another file."""

    section: str = ""
    """The keys that lead to the dictionary that holds it, joined by dots; empty for the outermost.
    The rest of its name, after a dot, is its own key, which may contain dots too."""

    member: str = ""
    """Entry of an archive that holds it."""

    stride: tuple[int, ...] | None = None
    """Stride of each dimension in elements; None if it is contiguous."""

    storage_bytes: int | None = None
    """Bytes of its whole storage, if they are more than its own."""

    shared_bytes: int = 0
    """Bytes of inner tensors that an earlier tensor also contains."""

    kind: OneOf["parameter", "buffer", "tensor"] = "tensor"
    """`tensor` if the file does not distinguish parameters from buffers."""

    trainable: bool | None = None
    """`requires_grad`; None if the file does not contain it."""

    layout: str = "strided"
    """torch's name of the layout, or `quantized`."""

    byte_order: OneOf["little", "big"] = "little"
    """Byte order of the elements in the file."""

    pieces: tuple[StoredPiece, ...] = ()
    """The boxes that it is stored in; empty if it is stored as a whole, as in most formats."""

    @property
    def key(self) -> str:
        """Key in the dictionary that holds the tensor."""
        return self.name[len(self.section) + 1 :] if self.section else self.name

    @property
    def counted_bytes(self) -> int:
        """Bytes that the tensor adds to a total."""
        return self.bytes - self.shared_bytes

    @property
    def elements(self) -> int:
        """Number of elements."""
        total = 1
        for size in self.shape:
            total *= size
        return total


@record
class Entry:
    """One value of a checkpoint that is not a tensor."""

    name: str
    type: str
    """Name of its type in the format."""

    text: str
    """The value, shortened if it is long."""


@record
class StoredModule:
    """One object of a pickled model, read without importing its class."""

    path: str
    """Dotted path from the model; empty for the model itself."""

    class_path: str
    training: bool | None = None


@record
class ModuleVersion:
    """The version of one module's entries, from the `_metadata` of a state dict."""

    section: str
    """The keys that lead to the state dict."""

    path: str
    """Dotted path of the module in the state dict."""

    version: int


@record
class StoredSection:
    """A dictionary or module with tensors that the parts of its name do not lead to."""

    section: str
    """Its name."""

    keys: tuple[int | str, ...]
    """The keys and list indices that lead to it; empty if attributes or other objects do."""


@record
class Global:
    """One name that loading a pickle would import, and its uses."""

    name: str
    """Module and qualified name joined by a dot, such as `torch._utils._rebuild_tensor_v2`."""

    uses: int
    """Number of times that it would be called or instantiated."""

    verdict: OneOf["needed", "other"]
    """`needed` if tensors, or what torch itself writes around them, cannot be read without it."""

    member: str
    """Member of an archive whose pickle contains the name; empty if the file itself is the pickle."""

    position: int
    """Byte offset of its first occurrence in that pickle."""

    arguments: str = ""
    """Arguments of its first call, shortened; empty if the verdict is `needed`."""

    file: int = 0
    """Index of the file that holds it."""


@record
class GraphTensor:
    """One input or output of a stored graph."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    """Sizes. A size that the file leaves open is its name, or `?` without a name. Only `...` if the
    number of dimensions is unknown, or this is not a single tensor."""


@record
class Operator:
    """One operator of a graph, with its number of uses."""

    name: str
    """Name, with its domain in front unless that is the default domain of the format."""

    uses: int


@record
class Graph:
    """The computation graph that a file contains next to its tensors."""

    inputs: tuple[GraphTensor, ...]
    outputs: tuple[GraphTensor, ...]
    operators: tuple[Operator, ...]


@record
class Checkpoint:
    """One checkpoint."""

    schema: ClassVar[str] = "netinspect-checkpoint"
    schema_version: ClassVar[int] = 1

    target: str
    """The target as typed."""

    format: str
    """Name of the format, such as `safetensors`, `torch zip` or `GGUF`."""

    files: tuple[StoredFile, ...]
    tensors: tuple[StoredTensor, ...]
    """Tensors in the order of the file."""

    metadata: tuple[Entry, ...] = ()
    modules: tuple[StoredModule, ...] = ()
    """The tree of a pickled or scripted model, root first; empty if the file contains no model."""

    globals: tuple[Global, ...] = ()
    versions: tuple[ModuleVersion, ...] = ()
    """Versions of modules that have a later one than the first; other modules may have no version."""

    sections: tuple[StoredSection, ...] = ()
    """Sections of a pickle whose keys are not the parts of their names, such as an item of a list."""

    graph: Graph | None = None
    described: tuple[Entry, ...] = ()
    """The values of small tensors that describe packed weights next to them, such as their shape."""

    problems: tuple[str, ...] = ()
    """Parts that are missing or damaged, although the rest could be read."""

    warnings: tuple[str, ...] = ()
    """Notes for the user on how the checkpoint was read."""

    def __repr__(self) -> str:
        # The generated repr would fill many screens of a session.
        count = len(self.tensors)
        return f"<Checkpoint {self.target!r}: {self.format}, {count} tensor{'s' * (count != 1)}>"
