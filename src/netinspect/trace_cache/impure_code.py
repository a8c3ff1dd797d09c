"""Impure code: source text whose result depends on more than recorded files."""

from __future__ import annotations

import re
from functools import cache

from netinspect.trace_cache.cache_key import HARMLESS_VARIABLES

_MAIN = re.compile(rb"""^if __name__\s*==\s*["']__main__["']\s*:.*\n(?:[ \t].*\n?|\n)*""", re.MULTILINE)
"""Code that runs only as a script."""

_OF_ITSELF = re.compile(
    rb"__file__\s*\)*(?:\s*\.\s*parent\b|\.parents\[\d+\])*\s*\.\s*resolve\(|"
    rb"realpath\(\s*(?:[\w.]+\(\s*)*__file__"
)
"""Links of the file itself, which are recorded for every file."""

_IMPURE = {
    "asks what files there are": (
        r"exists lexists isfile isdir islink ismount is_file is_dir is_symlink is_mount is_fifo "
        r"samefile getsize getmtime getctime getatime stat\( lstat fstat statvfs access\( disk_usage "
        r"readlink which\( import\s[^\n#]*(?<!\w)which dir_fd realpath resolve\( filecmp"
    ),
    "asks for the time": (
        r"datetime datetime64 time_ns perf_counter perf_counter_ns monotonic monotonic_ns process_time "
        r"gmtime localtime strftime asctime clock_gettime timeit ctime from\s+time time\.time "
        r"import\s[^\n#]*(?<!\w)time os\.times now\( utcnow\( today\( formatdate"
    ),
    "draws random numbers that no seed sets": (
        r"urandom SystemRandom import\s[^\n#]*(?<!\w)secrets from\s+secrets secrets\. uuid1 uuid4 "
        r"default_rng RandomState getrandom seed\(\) seed\((?:\w+\s*=\s*)?None Random\(\) Random\(None "
        r"PCG64 PCG64DXSM MT19937 Philox SFC64 SeedSequence getnode mktemp"
    ),
    "asks for the state of the process or the machine": (
        r"getpid getppid getlogin getuser getuid geteuid getloadavg psutil pynvml from\s+resource "
        r"import\s[^\n#]*(?<!\w)resource getrlimit parse_args parse_known_args parse_intermixed_args "
        r"fire\.Fire tyro\.cli docopt getopt fileinput ttyname getrusage mem_get_info memory_allocated "
        r"sysconf get_terminal_size isatty argv stdin "
        r"orig_argv gethostname umask getgroups getpgid getpgrp getsid getpriority get_ident "
        r"get_native_id active_count fdopen os\.read\( os\.pread\("
    ),
    "runs compiled code, or has it read files": (
        r"ctypes cffi cpp_extension load_library safetensors safe_open from_pretrained from_file h5py "
        r"cv2 lmdb pyarrow tensorstore torchaudio soundfile memfd_create jit\.load from\s+torch\.jit "
        r"export\.load load_pt2 aoti_load_package PyTorchFileReader PackageImporter read_image "
        r"decode_image read_video VideoReader torchcodec decord polars duckdb read_parquet read_feather "
        r"netCDF4 rasterio onnxruntime tokenizers sentencepiece shared_memory librosa open3d SimpleITK "
        r"rdkit faiss gdal pyvips tensorflow xarray openslide fasttext zmq grpc psycopg2? "
        r"[\"'](?:spawn|forkserver)[\"'] (?:mp|multiprocessing)\.spawn"
    ),
    "goes through all variables of the environment": (
        r"environ\.(?:items|keys|values|copy)\( for\s+\w+\s+in\s+(?:os\.)?environ environb "
        r"(?:dict|list|len|set|tuple|sorted|str|repr)\(\s*(?:os\.)?environ \*\*\s*(?:os\.)?environ"
    ),
    "reads a variable that differs between terminals": " ".join(
        rf"""["']{name}["']""" for name in sorted(HARMLESS_VARIABLES)
    ),
}
"""Sources of unrecorded information, by the words that code needs to use them."""


def has_impure_code(content: bytes) -> str | None:
    """Return which unrecorded information a source file may use, with the word found; None if none.

    A word in a comment counts too: that costs a run, but never correctness.
    """
    content = _OF_ITSELF.sub(b"", _MAIN.sub(b"", content))
    if (found := _pattern().search(content)) is None:
        return None
    word = found[0]
    reason = next(
        reason for reason, words in _IMPURE.items() if re.fullmatch(_alternatives(words), word)
    )
    return f"{reason} ({word.decode()})"


@cache
def _pattern() -> re.Pattern[bytes]:
    return re.compile(b"|".join(map(_alternatives, _IMPURE.values())))


def _alternatives(words: str) -> bytes:
    # Whole words; one that ends in a bracket or a dot may be followed by anything.
    return rb"(?:(?<!\w)(?:" + "|".join(words.split()).encode() + rb")(?:(?<!\w)|(?!\w)))"
