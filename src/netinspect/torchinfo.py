"""The interface of torchinfo, so that a program changes only its import.

>>> from netinspect.torchinfo import summary    # instead of: from torchinfo import summary

Arguments, results and habits are those of torchinfo; the numbers are those of netinspect.
docs/how-to/torchinfo.md lists the differences. Torch is imported when `summary` is called.
"""

from netinspect.integrations.torchinfo.call import summary as summary
from netinspect.integrations.torchinfo.enums import ColumnSettings as ColumnSettings
from netinspect.integrations.torchinfo.enums import Mode as Mode
from netinspect.integrations.torchinfo.enums import RowSettings as RowSettings
from netinspect.integrations.torchinfo.enums import Units as Units
from netinspect.integrations.torchinfo.enums import Verbosity as Verbosity
from netinspect.integrations.torchinfo.formatting import FormattingOptions as FormattingOptions
from netinspect.integrations.torchinfo.layer_info import LayerInfo as LayerInfo
from netinspect.integrations.torchinfo.model_statistics import ModelStatistics as ModelStatistics

__all__ = (
    "ColumnSettings",
    "FormattingOptions",
    "LayerInfo",
    "Mode",
    "ModelStatistics",
    "RowSettings",
    "Units",
    "Verbosity",
    "summary",
)
