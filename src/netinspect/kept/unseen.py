"""What code can find out without a trace, and the words that give it away."""

from __future__ import annotations

import re
from functools import cache

from netinspect.kept.question import HARMLESS_VARIABLES

_MAIN = re.compile(rb"""^if __name__\s*==\s*["']__main__["']\s*:.*\n(?:[ \t].*\n?|\n)*""", re.MULTILINE)
"""What is run as a script only."""

_UNSEEN = {
    "asks what files there are": (
        r"exists lexists isfile isdir islink ismount is_file is_dir is_symlink is_mount samefile "
        r"getsize getmtime getctime getatime stat\( lstat fstat statvfs access\( disk_usage readlink "
        r"which\( import\s+which dir_fd"
    ),
    "asks for the time": (
        r"datetime time_ns perf_counter perf_counter_ns monotonic monotonic_ns process_time gmtime "
        r"localtime strftime asctime clock_gettime timeit import\s+time from\s+time time\.time"
    ),
    "draws random numbers that no seed sets": (
        r"urandom SystemRandom import\s+secrets from\s+secrets secrets\. uuid1 uuid4 default_rng "
        r"RandomState getrandom seed\(\) Random\(\)"
    ),
    "asks for the state of the process or the machine": (
        r"getpid getppid getlogin getuser getuid geteuid getloadavg psutil pynvml import\s+resource "
        r"getrusage mem_get_info memory_allocated sysconf get_terminal_size isatty argv stdin "
        r"orig_argv gethostname"
    ),
    "runs compiled code, or has it read files": (
        r"ctypes cffi cpp_extension load_library safetensors safe_open from_pretrained from_file h5py "
        r"cv2 lmdb pyarrow tensorstore torchaudio soundfile memfd_create"
    ),
    "reads a variable that differs between terminals": " ".join(
        rf"""["']{name}["']""" for name in sorted(HARMLESS_VARIABLES)
    ),
}
"""What user's code can find out without a trace, by the words that it would have to use."""


def tells_of_unseen(content: bytes) -> str | None:
    """Say what a source file may find out that nothing tells of, with the word; None if nothing.

    A word in a comment counts too: that costs a look, and no truth.
    """
    if (found := _pattern().search(_MAIN.sub(b"", content))) is None:
        return None
    word = found[0]
    reason = next(
        reason for reason, words in _UNSEEN.items() if re.fullmatch(_alternatives(words), word)
    )
    return f"{reason} ({word.decode()})"


@cache
def _pattern() -> re.Pattern[bytes]:
    return re.compile(b"|".join(map(_alternatives, _UNSEEN.values())))


def _alternatives(words: str) -> bytes:
    # A word alone; one that ends in a bracket or a dot may be followed by anything.
    return rb"(?:(?<!\w)(?:" + "|".join(words.split()).encode() + rb")(?:(?<!\w)|(?!\w)))"
