"""Names that torchinfo accepts as strings and as members of enumerations."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Mode(StrEnum):
    """The mode that forward runs in."""

    TRAIN = "train"
    EVAL = "eval"
    SAME = "same"
    """Each module keeps its own mode."""


class RowSettings(StrEnum):
    """Contents of the rows of the table."""

    DEPTH = "depth"
    """The level of a row and its number on that level."""

    VAR_NAMES = "var_names"
    """The name of a module in its parent."""

    ASCII_ONLY = "ascii_only"
    HIDE_RECURSIVE_LAYERS = "hide_recursive_layers"
    """Leave out further calls of the same module."""


class ColumnSettings(StrEnum):
    """The columns of the table."""

    KERNEL_SIZE = "kernel_size"
    GROUPS = "groups"
    INPUT_SIZE = "input_size"
    OUTPUT_SIZE = "output_size"
    NUM_PARAMS = "num_params"
    PARAMS_PERCENT = "params_percent"
    MULT_ADDS = "mult_adds"
    TRAINABLE = "trainable"


class Units(StrEnum):
    """Powers of 1000 in which totals are printed."""

    AUTO = "auto"
    """The largest power that the number reaches."""

    KILOBYTES = "k"
    MEGABYTES = "M"
    GIGABYTES = "G"
    TERABYTES = "T"
    NONE = ""


class Verbosity(IntEnum):
    """Amount of the printed text."""

    QUIET = 0
    DEFAULT = 1
    VERBOSE = 2
    """The parameters of each layer have rows too."""
