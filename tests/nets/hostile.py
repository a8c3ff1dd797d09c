"""A model whose names and texts contain escape sequences and markup that attack terminals and files."""

from __future__ import annotations

from torch import Tensor, nn

EXAMPLE_INPUTS = ("x=2x4",)

POISONS = {
    "escape": "\x1b[31mred\x1b]0;title\x07",
    "csi": "\x9b2J",
    "bidi": "abc\u202edcba\u2066",
    "zero width": "con\u200bv",
    "markup": "[red]loud[/red]",
    "lines": "one\ntwo\r\nthree\u2028four",
    "tabs": "left\tright",
    "pipes": "a|b\\|c",
    "backticks": "``` `x` ~~~",
    "html": "<script>alert(1)</script>&lt;",
    "comma": 'a,"b",c',
    "surrogate": "\udc80",
    "tag": "\U000e0041",
}


class Evil(nn.Linear):
    def __init__(self, poison: str) -> None:
        super().__init__(4, 4)
        self.poison = poison
        self.__dict__[poison] = poison
        self.register_parameter(f"weight {poison}", nn.Parameter(self.weight.detach().clone()))
        self.register_buffer(f"buffer {poison}", self.weight.detach().clone())

    def extra_repr(self) -> str:
        return self.poison


class Hostile(nn.Module):
    """A class docstring with \x1b[31man escape in it."""

    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.fails = fails
        for name, poison in POISONS.items():
            # A class name may hold anything but a surrogate.
            kind = type(f"Evil{poison}".replace("\udc80", ""), (Evil,), {"__module__": __name__})
            self.add_module(f"{name} {poison}".replace(".", ""), kind(poison))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        found = {}
        for name, child in self._modules.items():
            assert child is not None
            found[name] = child(x)
        if self.fails:
            raise ValueError("".join(POISONS.values()))
        return found


def failing() -> Hostile:
    return Hostile(fails=True)
