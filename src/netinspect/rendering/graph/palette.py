"""Colours of a drawing, on a light and on a dark page, and the steps of its heat."""

from __future__ import annotations

from netinspect.rendering.graph.options import Theme

HEAT_STEPS = (0.003, 0.01, 0.03, 0.1, 0.3)
"""Shares of the whole model from which the colours two to six hold; a smaller one has the first."""

COLORS = {
    "ground": ("#ffffff", "#0e1116"),
    "box": ("#ffffff", "#171b22"),
    "frame": ("#f7f8fa", "#13171d"),
    "frame2": ("#eff1f4", "#191e26"),
    "border": ("#c9ced6", "#3a424d"),
    "edge": ("#8c95a1", "#6a7480"),
    "ink": ("#1f2328", "#e6edf3"),
    "dim": ("#59636e", "#9aa4af"),
    "data": ("#0a5ad0", "#79b8ff"),
    "bad": ("#c2410c", "#ff8a5c"),
    "bad_ground": ("#fff4ee", "#2b1a14"),
    "on_bad": ("#ffffff", "#14100a"),
    "a": ("#1a63c4", "#6cb0ff"),
    "a_ground": ("#dbe9fb", "#1c2c40"),
    "b": ("#a85300", "#ffa94d"),
    "b_ground": ("#fdeacb", "#3d2c18"),
}
"""For each purpose the colour on a light and on a dark page."""

HEAT = (
    ("#fff6dc", "#2a2317"),
    ("#fde8b2", "#443119"),
    ("#fbcf7d", "#66411c"),
    ("#f3a655", "#8c511f"),
    ("#de7440", "#cf752b"),
    ("#a63a22", "#f9a148"),
)
"""The colours of the six steps of heat."""

_CONTRAST = 4.5
"""Least contrast of a text."""


def heat_step(share: float) -> int:
    """Return the step of a share: 1 to 6, or 0 for a share of 0."""
    return 0 if share <= 0 else 1 + sum(share >= least for least in HEAT_STEPS)


def contrast(first: str, second: str) -> float:
    """Return the contrast of two colours `#rrggbb` by the definition of WCAG 2, from 1 to 21."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def inks(ground: str, *, dark: bool) -> tuple[str, str]:
    """Return the colours of main and secondary text on a ground."""
    names = [COLORS["ink"][dark], COLORS["ink"][not dark]]
    ink = max(names, key=lambda each: contrast(each, ground))
    dim = COLORS["dim"][dark]
    return ink, dim if contrast(dim, ground) >= _CONTRAST else ink


def _rules(dark: bool) -> str:
    color = {name: both[dark] for name, both in COLORS.items()}
    rules = [
        f".ground{{fill:{color['ground']}}}",
        f"text{{fill:{color['ink']}}}",
        f".dim{{fill:{color['dim']}}}",
        f".data{{fill:{color['data']}}}",
        f".error{{fill:{color['bad']}}}",
        f".frame{{fill:{color['box']};stroke:{color['border']}}}",
        f".open{{fill:{color['frame']};stroke:{color['border']}}}",
        f".odd{{fill:{color['frame2']};stroke:{color['border']}}}",
        f".rule{{stroke:{color['border']}}}",
        f".line{{stroke:{color['edge']}}}",
        f".arrow{{fill:{color['edge']}}}",
        f".failed{{stroke:{color['bad']}}}",
        f".stop{{fill:{color['bad_ground']};stroke:{color['bad']}}}",
        f".mark{{fill:{color['bad']}}}",
        f".cross{{stroke:{color['on_bad']}}}",
        f".hatch{{stroke:{color['border']}}}",
        f".terminal{{fill:{color['ground']};stroke:{color['data']}}}",
        f".only_a{{fill:{color['a_ground']};stroke:{color['a']}}}",
        f".only_b{{fill:{color['b_ground']};stroke:{color['b']}}}",
        f".half_a{{stop-color:{color['a_ground']}}}",
        f".half_b{{stop-color:{color['b_ground']}}}",
        f".line_a{{stroke:{color['a']}}}",
        f".line_b{{stroke:{color['b']}}}",
    ]
    for step, both in enumerate(HEAT, 1):
        ground = both[dark]
        ink, dim = inks(ground, dark=dark)
        rules += [
            f".h{step}{{fill:{ground}}}",
            f".t{step}{{fill:{ink}}}",
            f".d{step}{{fill:{dim}}}",
        ]
    return "\n".join(rules)


def style_rules(theme: Theme) -> str:
    """Return the rules of a style sheet with the colours of a theme; `auto` follows the reader's."""
    rules = _rules(theme == "dark")
    if theme != "auto":
        return rules
    return f"{rules}\n@media (prefers-color-scheme: dark) {{\n{_rules(True)}\n}}"
