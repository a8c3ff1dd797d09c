"""The errors that netinspect raises on purpose.

The whole tree::

    NetinspectError            message, hint, cause, place, exit code
    ├── UsageError             exit 2: a wrong option, spec string or setting
    ├── LoadError              exit 3: the target could not be loaded
    │   ├── SavedTraceError    exit 3: a saved trace is damaged, foreign, or lacks what was asked for
    │   └── CheckpointError    exit 3: a checkpoint is damaged or unknown
    └── ForwardError           exit 4: the model failed on the inputs

An error is raised where the most is known and caught once, at the edge of the command line. None of
them prints anything.
"""

import difflib
import re
from collections.abc import Iterable
from enum import IntEnum
from itertools import islice
from typing import ClassVar


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
"""Characters of a foreign text, such as the message of an exception, that are searched and reported."""

_LONGEST_NAME = 200
"""Characters of a name that is compared with others; also of the name of a class that is reported."""

_MOST_CANDIDATES = 20_000
"""Names that a mistyped one is compared with."""

_NEAR = 0.6
"""Similarity from which a name is suggested, 0 to 1; the default of `difflib`."""


class NetinspectError(Exception):
    """Base of every error that a user can cause and fix.

    Args:
        message: What could not be done, naming the culprit; one sentence without a final stop.
        cause: Why, when that is known: usually the text of the exception underneath.
        place: `file:line` in the user's code that the error is about.
        hint: What to try next.
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
    ) -> None:
        message = shorten(message)
        super().__init__(message)
        self.message = message
        self.cause = cause = None if cause is None else shorten(cause)
        self.place = place
        self.hint = hint = None if hint is None else shorten(hint)
        # A traceback shows these below the message; the command line has its own layout.
        for label, text in (("place", place), ("cause", cause), ("hint", hint)):
            if text:
                self.add_note(f"{label}: {text}")


class UsageError(NetinspectError):
    """A wrong option, argument, spec string or setting."""

    kind = "usage"
    exit_code = ExitCode.USAGE


class LoadError(NetinspectError):
    """The target could not be turned into a module or a record."""

    kind = "load"
    exit_code = ExitCode.LOAD


class SavedTraceError(LoadError):
    """A saved trace is damaged, is not one, or does not hold what was asked of it."""

    kind = "saved"


class CheckpointError(LoadError):
    """A checkpoint is damaged, of an unknown format, or malicious."""

    kind = "checkpoint"


class ForwardError(NetinspectError):
    """The model raised while it ran on the inputs."""

    kind = "forward"
    exit_code = ExitCode.FORWARD


def shorten(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return a text without its middle, if it is longer than a number of characters.

    Work on a foreign text must not grow with it: what is searched, compared or reported is cut first.
    """
    if len(text) <= longest:
        return text
    tail = longest // 4
    head = longest - tail - 40  # for the words between both
    return f"{text[:head]} [... {len(text) - head - tail:,} characters ...] {text[-tail:]}"


def message_of(error: BaseException) -> str:
    """Return the message of any exception, shortened; its `__str__` may be a user's, and raise."""
    try:
        # Without the methods of a subclass of str.
        return shorten(str.__str__(str(error)))
    except KeyboardInterrupt:
        raise
    except BaseException as raised:
        return f"<its __str__ raised {class_name(type(raised))}>"


def class_name(cls: type) -> str:
    """Return the name of a class, shortened; a metaclass may have another attribute of that name."""
    return shorten(type.__dict__["__name__"].__get__(cls), _LONGEST_NAME)


def text_of(error: BaseException) -> str:
    """Return class and message of any exception, as the last line of a traceback has them."""
    message = message_of(error)
    return f"{class_name(type(error))}: {message}" if message else class_name(type(error))


def suggestion(word: str, candidates: Iterable[str]) -> str | None:
    """Return a "did you mean" sentence for a mistyped word, or None if nothing comes near.

    Args:
        word: What was typed.
        candidates: What would have been accepted.
    """
    near = close_matches(word, candidates)
    return f"did you mean {' or '.join(repr(str(each)) for each in near)}?" if near else None


def close_matches(word: str, candidates: Iterable[str]) -> list[str]:
    """Return the one or two candidates that come nearest to a mistyped word, or none.

    Args:
        word: What was typed.
        candidates: What would have been accepted.
    """
    if len(word) > _LONGEST_NAME:
        return []
    # As `difflib.get_close_matches`, which would take the last of several that are equally near, and
    # one of two that differ in case.
    matcher = difflib.SequenceMatcher(b=word.lower())
    near = []
    for candidate in islice(dict.fromkeys(candidates), _MOST_CANDIDATES):
        # What is that much longer is not near.
        if len(candidate) > 4 * _LONGEST_NAME:
            continue
        matcher.set_seq1(candidate.lower())
        if matcher.real_quick_ratio() >= _NEAR and matcher.quick_ratio() >= _NEAR:
            near.append((matcher.ratio(), candidate))
    near = [(ratio, candidate) for ratio, candidate in near if ratio >= _NEAR]
    # Sorting keeps the order of those that are equally near.
    near.sort(key=lambda each: -each[0])
    return [candidate for _, candidate in near[:2]]
