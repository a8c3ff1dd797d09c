"""Random pictures for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from netinspect.analysis.picture.layers import arrange
from netinspect.records.base import replace
from netinspect.records.picture import OUTSIDE, BoxKind, Edge, Picture, PictureItem, Template
from netinspect.records.report_header import ReportHeader
from netinspect.records.trace import Versions

HEADER = ReportHeader(
    target="net.py:Net",
    class_name="Net",
    versions=Versions(netinspect="0", python="3", torch="2"),
    ran=True,
    inputs=(),
    mode="eval",
    tensor_mode="real",
    seed=0,
    failure=None,
    warnings=(),
)
_RARELY = st.integers(0, 9).map(lambda number: number == 0)
_LABELS = ("Linear", "Block", "CausalSelfAttention", "relu", "x")


@st.composite
def pictures(draw: st.DrawFn) -> Picture:
    """Draw a picture with bodies in bodies."""
    found: list[Template] = []
    root = _body(draw, found, depth=draw(st.integers(0, 2)))
    return Picture(header=HEADER, root=root, templates=tuple(found), folded=True)


def _body(draw: st.DrawFn, found: list[Template], depth: int) -> int:
    items = []
    for place in range(draw(st.integers(1, 7))):
        if depth and draw(st.booleans()):
            template = _body(draw, found, depth - 1)
        else:
            label = draw(st.sampled_from(_LABELS))
            kind: BoxKind = "function" if label.islower() else "module"
            found.append(Template(kind=kind, label=label, facts="3, 4, kernel_size=(5, 5)", steps=1))
            template = len(found) - 1
        count = draw(st.sampled_from((1, 1, 1, 3)))
        items.append(
            PictureItem(template=template, names=tuple(f".part.{place + n}" for n in range(count)))
        )
    total = sum(item.count for item in items)
    shapes = st.sampled_from((((2, 3),), ((10, 64, 112, 112),), ((2, 3), (4,)), ()))
    edges = []
    for target in range(total):
        sources = draw(st.sets(st.integers(OUTSIDE, target - 1), max_size=3))
        edges += [
            Edge(
                source=source, target=target, shapes=draw(shapes), in_object=draw(st.integers(0, 9)) == 0
            )
            for source in sources
        ]
    for source in draw(st.sets(st.integers(OUTSIDE, total - 1), max_size=2)):
        edges.append(Edge(source=source, target=OUTSIDE, shapes=draw(shapes)))
    edges.sort(key=lambda edge: (edge.source, edge.target))
    own = Template(kind="module", label=draw(st.sampled_from(_LABELS)), steps=1)
    found.append(replace(own, items=tuple(items), edges=tuple(edges), layers=arrange(items, edges)))
    return len(found) - 1
