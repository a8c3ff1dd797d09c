"""States of optimizers in a checkpoint, and facts about them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator

from netinspect._utils import units
from netinspect.analysis.checkpoints.totals import first_of_each
from netinspect.records.checkpoint import Checkpoint
from netinspect.records.checkpoint_header import Fact

_GROUPS = re.compile(r"(?:(?P<path>.+)\.)?param_groups\.[0-9]+\.(?P<key>[^.]+)", re.DOTALL)
_STATES = (
    # Entries that torch's optimizers save for each parameter or for each parameter group.
    ({"exp_avg", "exp_avg_sq", "mu_product"}, "NAdam"),
    ({"exp_avg", "exp_avg_sq", "amsgrad"}, "Adam or AdamW"),
    ({"exp_avg", "exp_avg_sq"}, "Adam, AdamW, RAdam, or another that keeps both averages"),
    ({"exp_avg", "exp_inf"}, "Adamax"),
    ({"exp_avg_sq_row", "exp_avg_sq_col"}, "Adafactor"),
    ({"row_var", "col_var"}, "Adafactor"),
    ({"exp_avg"}, "Lion, or another that keeps one average"),
    ({"square_avg", "acc_delta"}, "Adadelta"),
    ({"square_avg"}, "RMSprop"),
    ({"eta", "mu", "ax"}, "ASGD"),
    ({"prev", "step_size"}, "Rprop"),
    ({"momentum_buffer", "ns_steps"}, "Muon"),
    ({"momentum_buffer"}, "SGD with momentum"),
    ({"tolerance_grad", "history_size"}, "LBFGS"),
    ({"sum"}, "Adagrad"),
)
_MAX_RATES = 4
_MAX_PATHS = 32
"""Maximum number of optimizer states; a hostile file may have any number."""


def optimizer_paths(checkpoint: Checkpoint, *, schedulers: bool = False) -> frozenset[str]:
    """Return the paths of optimizer states; the path of one that is the whole file is empty.

    An optimizer state has parameter groups as torch saves them, or is a dictionary with a name such as
    `optimizer`.

    Args:
        checkpoint: The checkpoint.
        schedulers: Whether to include the states of schedulers.
    """
    found = {match["path"] or "" for match, _ in _groups(checkpoint)}
    for section in {tensor.section for tensor in checkpoint.tensors}:
        keys = section.split(".")
        for number, key in enumerate(keys):
            if _is_optimizer_name(key.lower(), schedulers=schedulers):
                found.add(".".join(keys[: number + 1]))
                break
    outermost: set[str] = set()
    for path in sorted(found, key=len)[:_MAX_PATHS]:
        if not within(outermost)(path):
            outermost.add(path)
    return frozenset(outermost)


def within(paths: Collection[str]) -> Callable[[str], bool]:
    """Return a predicate: whether a section is at one of the paths, or below it."""
    starts = tuple(f"{path}." if path else "" for path in paths)
    return lambda section: f"{section}.".startswith(starts)


def _is_optimizer_name(key: str, *, schedulers: bool) -> bool:
    return (
        key == "opt"
        or key.startswith(("optim", "opt_state"))
        or key.endswith(("optimizer", "scheduler") if schedulers else "optimizer")
    )


def optimizer_facts(checkpoint: Checkpoint) -> Iterator[Fact]:
    """Yield facts about the states of optimizers."""
    paths = optimizer_paths(checkpoint)
    is_inside = within(paths)
    inside = [tensor for tensor in checkpoint.tensors if is_inside(tensor.section)]
    if not inside:
        return
    size = sum(tensor.bytes for tensor in first_of_each(inside))
    text = f"{units.plural(len(inside), 'tensor')}, {size:,} bytes"
    yield Fact(label="optimizer state", text=text, certain=True)
    guesses = dict.fromkeys(_guess(checkpoint, path) for path in sorted(paths))
    for guess in guesses:
        if guess:
            yield Fact(label="optimizer", text=guess, certain=False)
    rates = list(dict.fromkeys(text for match, text in _groups(checkpoint) if match["key"] == "lr"))
    if rates:
        label = "learning rate" + "s" * (len(rates) > 1)
        yield Fact(label=label, text=units.some(rates, _MAX_RATES), certain=True)


def _guess(checkpoint: Checkpoint, path: str) -> str | None:
    """Return the optimizer that the entries of a state suggest."""
    is_inside = within((path,))
    keys = {tensor.key for tensor in checkpoint.tensors if is_inside(tensor.section)}
    keys |= {match["key"] for match, _ in _groups(checkpoint) if is_inside(match["path"] or "")}
    return next((optimizer for states, optimizer in _STATES if states <= keys), None)


def _groups(checkpoint: Checkpoint) -> Iterator[tuple[re.Match[str], str]]:
    for entry in checkpoint.metadata:
        if match := _GROUPS.fullmatch(entry.name):
            yield match, entry.text
