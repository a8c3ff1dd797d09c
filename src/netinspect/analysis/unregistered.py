"""Notes on unregistered modules that forward called."""

from __future__ import annotations

from collections.abc import Iterator

from netinspect._utils import units
from netinspect.records.trace import Trace

_NAMED = 3
"""Maximum number of modules that a note names."""


def notes_of(trace: Trace) -> tuple[str, ...]:
    """Return the warnings of a trace, and notes on unregistered modules that forward called."""
    return (*trace.warnings, *_module_notes(trace))


def _module_notes(trace: Trace) -> Iterator[str]:
    called = [each for each in trace.unregistered if each.called]
    held = [each for each in called if each.holder is not None]
    made = dict.fromkeys(each.class_name for each in called if each.holder is None)
    if held:
        classes = {each.class_name for each in held}
        kind = f"{classes.pop()} module" if len(classes) == 1 else "module"
        names = [f"{each.name} {each.class_name}" if classes else each.name for each in held]
        if len(names) > _NAMED:
            names[_NAMED:] = [f"{units.count(len(names) - _NAMED)} more"]
        one = len(held) == 1
        yield (
            f"{units.plural(len(held), kind)} {'was' if one else 'were'} called but "
            f"{'is' if one else 'are'} not registered ({', '.join(names)}): model.parameters() misses "
            f"{'it, so it' if one else 'them, so they'} will not be trained or saved; use nn.ModuleList"
        )
    if made:
        yield (
            f"modules that no module holds were called ({', '.join(made)}; made in forward?): "
            "model.parameters() misses them, so they will not be trained or saved"
        )
