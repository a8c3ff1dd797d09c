"""Tests of the readers of dot and mermaid: right text is read, wrong text is refused."""

from __future__ import annotations

import re

import pytest

from tests.browser import Page
from tests.graph_readers import Edge, Graph, Group, read_dot, read_mermaid

DOT = r"""
digraph {
    compound=true
    before [label="before"]
    subgraph cluster_block {
        label="Block \"x12\""
        subgraph cluster_inner { label="inner"; relu [label="a\\b\l1 < 2 &amp; 3\l"] }
        { rank=same; conv [label="conv1\n6x24x24"] }
    }
    conv -> relu [label="6x24x24"]
    before -> conv [lhead=cluster_block]
    before -> conv
}
"""
MERMAID = """
flowchart TB
before["before"]
subgraph block["Block #quot;x12#quot;"]
    subgraph inner["inner"]
        relu(["a\\b<br/>1 #lt; 2 #amp; 3"])
    end
    conv["conv1<br>6x24x24"]
end
conv -->|"6x24x24"| relu
before --> block
before -.-> conv
"""


def test_dot_is_read_by_graphviz() -> None:
    assert read_dot(DOT) == Graph(
        nodes={"before": "before", "relu": "a\\b\n1 < 2 & 3", "conv": "conv1\n6x24x24"},
        edges=[Edge("before", "conv"), Edge("before", "conv"), Edge("conv", "relu", "6x24x24")],
        groups={
            "cluster_block": Group('Block "x12"', frozenset(("cluster_inner", "conv"))),
            "cluster_inner": Group("inner", frozenset(("relu",))),
        },
    )


@pytest.mark.parametrize(
    "text",
    [
        "digraph { a -> }",
        "digraph { a } b",
        "digraph { a [label=<<b>x>] }",
        "digraph { a [color=no_such_color] }",
        "digraph { a [shape=no_such_shape] }",
        "digraph { a -> b:no_such_port; b [shape=record] }",
        "digraph { compound=true; subgraph cluster_a { a }; a -> b [lhead=cluster_a] }",
    ],
)
def test_wrong_dot_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"Error|Warning|not"):
        read_dot(text)


@pytest.mark.slow
def test_mermaid_is_read_by_its_own_parser(page: Page) -> None:
    (found, empty) = read_mermaid(page, [MERMAID, "flowchart LR\n"])
    assert found == Graph(
        nodes={"before": "before", "relu": "a\\b\n1 < 2 & 3", "conv": "conv1\n6x24x24"},
        edges=[Edge("before", "block"), Edge("before", "conv"), Edge("conv", "relu", "6x24x24")],
        groups={
            "block": Group('Block "x12"', frozenset(("inner", "conv"))),
            "inner": Group("inner", frozenset(("relu",))),
        },
    )
    assert empty == Graph({}, [], {})


WRONG = {
    "flowchart TB\na[x --> b": "Parse error",
    'flowchart TB\na["x"y"]': "Parse error",
    "flowchart TB\nsubgraph a\nb": "Parse error",
    "flowchart TB\na --> end": "Parse error",
    "a --> b": "No diagram type",
    "sequenceDiagram\nA->>B: x": "expected a flowchart",
    "flowchart TB\n" + "a --> b\n" * 501: "Edge limit",
    "flowchart TB\n%% " + "x" * 50_000 + "\na --> b": "at most 50000 characters",
}


@pytest.mark.slow
def test_wrong_mermaid_is_refused(page: Page) -> None:
    with pytest.raises(ValueError, match="text") as caught:
        read_mermaid(page, ["flowchart TB\na --> b", *WRONG])
    _, *errors = re.split(r"^text (?=\d+: )", str(caught.value), flags=re.MULTILINE)
    assert len(errors) == len(WRONG)
    for index, (error, reason) in enumerate(zip(errors, WRONG.values(), strict=True), 1):
        assert error.startswith(f"{index}: ")
        assert reason in error
