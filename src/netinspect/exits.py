"""Exit codes of the command line; a contract with scripts, documented in the README."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a finished process tells its caller."""

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
