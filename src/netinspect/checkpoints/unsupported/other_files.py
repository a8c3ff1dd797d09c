"""Names of files that are not models: compressed files, tables, documents, programs, failed downloads.

In hints, FILE is replaced by the name of the file.
"""

from __future__ import annotations

from netinspect.checkpoints.unsupported.format import UnreadFormat

OTHER_FILES: dict[str, UnreadFormat] = {
    # Tables and databases.
    "arrow": UnreadFormat("an Arrow file (Feather)", "pyarrow.feather.read_table(...) reads it"),
    "arrow stream": UnreadFormat(
        "an Arrow stream, as datasets writes", "pyarrow.ipc.open_stream(...) reads it"
    ),
    "feather": UnreadFormat("a Feather file (V1)", "pyarrow.feather.read_table(...) reads it"),
    "parquet": UnreadFormat("a Parquet file", "pyarrow.parquet.read_table(...) reads it"),
    "avro": UnreadFormat("an Avro file", "fastavro.reader(...) reads it"),
    "sqlite": UnreadFormat("an SQLite database", "sqlite3 FILE .tables lists what is in it"),
    "lmdb": UnreadFormat("an LMDB database", "lmdb.open(..., subdir=False) opens it"),
    "dbm": UnreadFormat("a database of dbm", "dbm.open(...) opens it"),
    "berkeley": UnreadFormat("a database of Berkeley DB", "db_dump FILE lists it"),
    # Compressed files; supported compressions are in `io`.
    "gzip": UnreadFormat("compressed by gzip", "unpack it first: gzip -dk FILE"),
    "bzip2": UnreadFormat("compressed by bzip2", "unpack it first: bzip2 -dk FILE"),
    "xz": UnreadFormat("compressed by xz", "unpack it first: xz -dk FILE"),
    "lzma": UnreadFormat("compressed by lzma", "unpack it first: xz --format=lzma -dk FILE"),
    "zlib": UnreadFormat(
        "compressed by zlib",
        "python -c 'import sys, zlib; sys.stdout.buffer.write(zlib.decompress("
        "sys.stdin.buffer.read()))' < FILE > unpacked",
    ),
    "zlib of joblib": UnreadFormat("compressed by joblib before 0.10", "joblib.load(...) loads it"),
    "zstd": UnreadFormat("compressed by Zstandard", "unpack it first: zstd -dk FILE"),
    "lz4": UnreadFormat("compressed by LZ4", "unpack it first: lz4 -dk FILE"),
    "lzo": UnreadFormat("compressed by lzop", "unpack it first: lzop -d FILE"),
    "lzip": UnreadFormat("compressed by lzip", "unpack it first: lzip -dk FILE"),
    "compress": UnreadFormat(
        "compressed by compress (.Z)", "unpack it first: gzip -dk FILE", is_certain=False
    ),
    "snappy": UnreadFormat("compressed by Snappy", "unpack it first: snzip -dk FILE"),
    "7z": UnreadFormat("a 7z archive", "unpack it first: 7z x FILE"),
    "rar": UnreadFormat("a RAR archive", "unpack it first: unrar x FILE"),
    "squashfs": UnreadFormat("a SquashFS image", "unpack it first: unsquashfs FILE"),
    "cab": UnreadFormat("a cabinet archive (.cab)", "unpack it first: 7z x FILE"),
    "ar": UnreadFormat(
        "an archive of ar (a static library or a .deb package)", "unpack it first: ar x FILE"
    ),
    # Files downloaded in place of a model.
    "lfs": UnreadFormat("a pointer of Git LFS, and the file itself was not fetched", "git lfs pull"),
    "html": UnreadFormat("a page of HTML, as a failed download leaves it", "fetch it again"),
    "xml error": UnreadFormat(
        "an error message of a server in XML, as a failed download leaves it",
        "fetch it again",
    ),
    "hub error": UnreadFormat(
        "an error message of a server, as a failed download leaves it",
        "fetch it again; a gated or private model needs a login (hf auth login)",
    ),
    "xml": UnreadFormat("an XML document", "no model format is known by its outermost element"),
    "pdf": UnreadFormat("a PDF document", "name the file of the weights"),
    "postscript": UnreadFormat("a PostScript document", "name the file of the weights"),
    "png": UnreadFormat("a PNG image", "name the file of the weights"),
    "jpeg": UnreadFormat("a JPEG image", "name the file of the weights"),
    "gif": UnreadFormat("a GIF image", "name the file of the weights"),
    "tiff": UnreadFormat("a TIFF image", "name the file of the weights", is_certain=False),
    "riff": UnreadFormat("a sound, film or WebP image (RIFF)", "name the file of the weights"),
    "mp4": UnreadFormat("a film (MP4)", "name the file of the weights"),
    "elf": UnreadFormat("a compiled library or program (ELF)", "name the file of the weights"),
    "pe": UnreadFormat("a compiled library or program of Windows", "name the file of the weights"),
    "mach-o": UnreadFormat("a compiled library or program (Mach-O)", "name the file of the weights"),
    "wasm": UnreadFormat("a WebAssembly program", "name the file of the weights"),
    "pyc": UnreadFormat("compiled Python code (.pyc)", "a model is named by its .py file"),
    "marshal": UnreadFormat(
        "marshalled Python code",
        "a model is named by its .py file",
        is_certain=False,
    ),
    "script": UnreadFormat("a script", "a model is named by its .py file"),
    "office": UnreadFormat("a document of an office program", "name the file of the weights"),
    "jar": UnreadFormat("a Java archive (.jar)", "name the file of the weights"),
    "wheel": UnreadFormat("a Python package (wheel)", "pip install FILE installs it"),
}
