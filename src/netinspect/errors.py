"""Exceptions that netinspect raises on purpose, and its exit codes.

The whole tree::

    NetinspectError            message, hint, cause, place, exit code
    ├── UsageError             exit 2: a wrong option, spec string or setting
    ├── LoadError              exit 3: the target could not be loaded
    │   ├── SavedTraceError    exit 3: a saved trace is damaged, unreadable, or lacks what was requested
    │   └── CheckpointError    exit 3: a checkpoint is damaged or unknown
    │       └── NoWeightsError exit 3: a folder has no weights, and no configuration of a model
    └── ForwardError           exit 4: the model failed on the inputs

An error is raised where the most is known about it and caught once, in the command line. None of them
prints anything.
"""

import difflib
import re
from collections.abc import Iterable
from enum import IntEnum
from itertools import islice
from typing import ClassVar, NamedTuple

from netinspect.advice import with_python_names


class ExitCode(IntEnum):
    """Exit code of a process."""

    OK = 0
    """Done, and nothing was violated."""

    FINDINGS = 1
    """Done, and there are findings: a budget exceeded, a difference, a failed check."""

    USAGE = 2
    """The command line or the configuration is wrong."""

    LOAD = 3
    """The target could not be loaded: no such file, class or sample, or it does not import."""

    FORWARD = 4
    """The model failed while it ran on the inputs."""

    INTERNAL = 70
    """A defect in netinspect itself."""

    INTERRUPTED = 130
    """Stopped by Ctrl-C."""


LACKS_GPU = re.compile(
    r"Torch not compiled with CUDA|not linked with support for cuda|Found no NVIDIA driver|"
    r"No CUDA GPUs are available|on a CUDA device but torch\.cuda\.is_available\(\) is False"
)
"""Messages of torch when a GPU is requested on a machine without one."""

LONGEST_TEXT = 4000
"""Maximum length of a text from outside, such as a message of another library; see `shorten`."""

_LONGEST_NAME = 200
"""Maximum length of a name that is compared with others, and of a class name in a message."""

_MOST_CANDIDATES = 20_000
"""Maximum number of names that a mistyped one is compared with."""

_NEAR = 0.6
"""Minimum similarity of a suggestion, from 0 to 1; the default of `difflib`."""


class Excerpt(NamedTuple):
    """A line of source code, and the expression in it that an error is about."""

    text: str
    """The line, without indentation."""

    start: int
    end: int
    """Offsets of the expression in `text`; equal if it is not known."""


class NetinspectError(Exception):
    """Base of every error that a user can cause and fix.

    Args:
        message: What failed, with the name of the faulty part; one sentence that begins in lower case
            (unless with a name) and has no full stop.
        cause: The reason, if known; usually the message of the underlying exception.
        place: `file:line` in the user's code that the error is about.
        hint: What to try next, in the form of a message.
        excerpt: The source line at `place`.
    """

    kind: ClassVar[str] = "error"
    exit_code: ClassVar[ExitCode] = ExitCode.INTERNAL

    def __init__(
        self,
        message: str,
        *,
        cause: str | None = None,
        place: str | None = None,
        hint: str | None = None,
        excerpt: Excerpt | None = None,
    ) -> None:
        message = shorten(message)
        super().__init__(message)
        self.message = message
        self.cause = cause = None if cause is None else shorten(cause)
        self.place = place
        self.excerpt = excerpt
        self.hint = hint = None if hint is None else shorten(hint)

    def __str__(self) -> str:
        """Return message, place, cause and hint with the names of the Python API.

        The command line has its own layout of the parts.
        """
        parts = (("place", self.place), ("cause", self.cause), ("hint", self.hint))
        lines = [self.message, *(f"{label}: {text}" for label, text in parts if text)]
        return with_python_names("\n".join(lines))


class UsageError(NetinspectError):
    """A wrong option, argument, spec string or setting."""

    kind = "usage"
    exit_code = ExitCode.USAGE


class LoadError(NetinspectError):
    """The target could not be turned into a module or a record."""

    kind = "load"
    exit_code = ExitCode.LOAD


class SavedTraceError(LoadError):
    """A saved trace is damaged, is not a saved trace, or lacks the data that was requested."""

    kind = "saved"


class CheckpointError(LoadError):
    """A checkpoint is damaged, of an unknown format, or malicious."""

    kind = "checkpoint"


class NoWeightsError(CheckpointError):
    """A folder contains no weights, and no configuration of a model."""


class ForwardError(NetinspectError):
    """The model raised while it ran on the inputs."""

    kind = "forward"
    exit_code = ExitCode.FORWARD


def shorten(text: str, longest: int = LONGEST_TEXT) -> str:
    """Replace the middle of a text that is longer than `longest` characters by a note.

    Texts from outside are shortened before they are searched, compared or reported, so that the time
    for that is bounded.
    """
    if len(text) <= longest:
        return text
    tail = longest // 4
    head = longest - tail - 40  # for the note
    return f"{text[:head]} [... {len(text) - head - tail:,} characters ...] {text[-tail:]}"


def message_of(error: BaseException) -> str:
    """Return the message of any exception, shortened, even if its `__str__` is user code that raises."""
    if isinstance(error, NetinspectError):
        return error.message
    try:
        # `str.__str__` avoids the methods of a subclass of str.
        return shorten(str.__str__(str(error)))
    except KeyboardInterrupt:
        raise
    except BaseException as raised:
        return f"<its __str__ raised {class_name(type(raised))}>"


def class_name(cls: type) -> str:
    """Return the name of a class, shortened; a `__name__` that a metaclass defines is not used."""
    return shorten(type.__dict__["__name__"].__get__(cls), _LONGEST_NAME)


def text_of(error: BaseException) -> str:
    """Format the class and message of any exception like the last line of a traceback."""
    message = message_of(error)
    return f"{class_name(type(error))}: {message}" if message else class_name(type(error))


def suggestion(word: str, candidates: Iterable[str]) -> str | None:
    """Return a "did you mean" hint for a mistyped word, or None if no candidate is similar.

    Args:
        word: The mistyped word.
        candidates: The accepted words.
    """
    near = close_matches(word, candidates)
    return f"did you mean {' or '.join(repr(str(each)) for each in near)}?" if near else None


def close_matches(word: str, candidates: Iterable[str]) -> list[str]:
    """Return up to two candidates that are most similar to a mistyped word.

    Args:
        word: The mistyped word.
        candidates: The accepted words.
    """
    if len(word) > _LONGEST_NAME:
        return []
    # Like `difflib.get_close_matches`, but of equally similar candidates the first ones are returned,
    # and case is ignored.
    matcher = difflib.SequenceMatcher(b=word.lower())
    near = []
    for candidate in islice(dict.fromkeys(candidates), _MOST_CANDIDATES):
        # A candidate that is so much longer is not similar.
        if len(candidate) > 4 * _LONGEST_NAME:
            continue
        matcher.set_seq1(candidate.lower())
        if matcher.real_quick_ratio() >= _NEAR and matcher.quick_ratio() >= _NEAR:
            near.append((matcher.ratio(), candidate))
    near = [(ratio, candidate) for ratio, candidate in near if ratio >= _NEAR]
    # Sorting keeps the order of equally similar candidates.
    near.sort(key=lambda each: -each[0])
    return [candidate for _, candidate in near[:2]]
