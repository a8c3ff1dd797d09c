"""Options of the printed table, which can be changed between two prints, and formats of totals."""

from __future__ import annotations

from dataclasses import dataclass

from netinspect.integrations.torchinfo.enums import ColumnSettings, RowSettings, Units

_FACTORS = {Units.KILOBYTES: 10**3, Units.MEGABYTES: 10**6, Units.GIGABYTES: 10**9}
_FACTORS |= {Units.TERABYTES: 10**12, Units.NONE: 1}


@dataclass(slots=True)
class FormattingOptions:
    """Options of the printed table."""

    max_depth: int
    """Deepest level with rows; the root has level 0."""

    verbose: int
    """2 gives the parameters of each layer rows too."""

    col_names: tuple[ColumnSettings, ...]
    col_width: int
    """Least number of cells of a column; content is never cut."""

    row_settings: frozenset[RowSettings]
    params_count_units: Units = Units.NONE
    params_size_units: Units = Units.AUTO
    macs_units: Units = Units.AUTO

    @property
    def params_units(self) -> Units:
        """The name of `params_count_units` in torchinfo 1.8."""
        return self.params_count_units

    @params_units.setter
    def params_units(self, units: Units) -> None:
        self.params_count_units = units

    @property
    def ascii_only(self) -> bool:
        """Whether the tree is drawn with ASCII characters."""
        return RowSettings.ASCII_ONLY in self.row_settings

    @property
    def show_var_name(self) -> bool:
        """Whether rows show the names of modules in their parents."""
        return RowSettings.VAR_NAMES in self.row_settings

    @property
    def show_depth(self) -> bool:
        """Whether rows show their level and their number on it."""
        return RowSettings.DEPTH in self.row_settings

    @property
    def hide_recursive_layers(self) -> bool:
        """Whether further calls of the same module have no rows."""
        return RowSettings.HIDE_RECURSIVE_LAYERS in self.row_settings


def scale(number: float, units: Units = Units.AUTO) -> tuple[Units, float]:
    """Return units, and a number in them."""
    if units is Units.AUTO:
        reached = [each for each in _FACTORS if number >= _FACTORS[each] > 1]
        units = max(reached, key=_FACTORS.__getitem__, default=Units.NONE)
    return units, number if units is Units.NONE else number / _FACTORS[units]


def format_total(number: float, units: Units, *, is_bytes: bool = False) -> str:
    """Format the end of a line with a total: `: 512`, ` (M): 4.09`, ` (MB): 1.20`."""
    units, scaled = scale(number, Units(units))
    unit = f"{units.value}{'B' if is_bytes else ''}"
    digits = 0 if float(scaled).is_integer() else 2
    return f"{f' ({unit})' if unit else ''}: {scaled:,.{digits}f}"
