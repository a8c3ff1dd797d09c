"""Readers of graphs as text, by programs that this project did not write: Graphviz and mermaid."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.npm_files import npm_file
from tests.support import PATIENCE, fail_or_skip

if TYPE_CHECKING:
    from tests.browser import Page


class Edge(NamedTuple):
    """An edge between two nodes or groups, by their identifiers."""

    tail: str
    head: str
    label: str = ""


class Group(NamedTuple):
    """A box around nodes and other groups, by their identifiers."""

    label: str
    members: frozenset[str]


@dataclass(frozen=True)
class Graph:
    """What a program has read.

    Attributes:
        nodes: Label of each node, by identifier. Lines are separated by a line feed.
        edges: Sorted.
        groups: By identifier.
    """

    nodes: dict[str, str]
    edges: list[Edge]
    groups: dict[str, Group]


def read_dot(text: str) -> Graph:
    """Lay out a graph in the language dot by Graphviz.

    Raises:
        ValueError: Graphviz reports an error or a warning, such as an unknown colour.
    """
    program = shutil.which("dot")
    if program is None:
        fail_or_skip("Graphviz")
    completed = subprocess.run(
        [program, "-Tjson0"],
        input=text,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    if completed.returncode or completed.stderr:
        raise ValueError(completed.stderr or f"exit code {completed.returncode}")
    drawn = json.loads(completed.stdout, strict=False)
    objects = {each["_gvid"]: each for each in drawn.get("objects", ())}
    names = {key: each["name"] for key, each in objects.items()}
    groups = [each for each in objects.values() if "nodes" in each or "subgraphs" in each]
    return Graph(
        nodes={
            each["name"]: _dot_label(each["label"], each["name"])
            for each in objects.values()
            if each not in groups
        },
        edges=sorted(
            Edge(names[each["tail"]], names[each["head"]], _dot_label(each.get("label", ""), ""))
            for each in drawn.get("edges", ())
        ),
        groups={
            each["name"]: Group(_dot_label(each.get("label", ""), each["name"]), _members(each, objects))
            for each in groups
            if each["name"].startswith("cluster")
        },
    )


def _members(group: dict[str, Any], objects: dict[int, dict[str, Any]]) -> frozenset[str]:
    """Return what is directly in a group; Graphviz lists the nodes of inner groups too."""
    inner = [objects[each] for each in group.get("subgraphs", ())]
    clusters = [each for each in inner if each["name"].startswith("cluster")]
    nested = {node for each in clusters for node in each.get("nodes", ())}
    nodes = [objects[each] for each in group.get("nodes", ()) if each not in nested]
    return frozenset(each["name"] for each in clusters + nodes)


def _dot_label(label: str, name: str) -> str:
    found = {"n": "\n", "l": "\n", "r": "\n", "N": name, "G": name}
    text = re.sub(r"\\(.)", lambda match: found.get(match[1], match[1]), label, flags=re.DOTALL)
    return html.unescape(text).removesuffix("\n")


_READ_MERMAID = """async texts => {
    const graphs = [];
    for (const text of texts) {
        try {
            await mermaid.parse(text);
            const longest = mermaid.mermaidAPI.getConfig().maxTextSize;
            if (text.length > longest) throw Error(`expected at most ${longest} characters`);
            const { type, db } = await mermaid.mermaidAPI.getDiagramFromText(text);
            if (!type.startsWith("flowchart")) throw Error(`expected a flowchart, got ${type}`);
            graphs.push({
                nodes: [...db.getVertices().values()].map(each => [each.id, each.text || ""]),
                edges: db.getEdges().map(each => [each.start, each.end, each.text || ""]),
                groups: db.getSubGraphs().map(each => [each.id, each.title || "", each.nodes]),
            });
        } catch (error) {
            graphs.push({ error: String(error.message || error) });
        }
    }
    return graphs;
}"""


def read_mermaid(page: Page, texts: Sequence[str]) -> list[Graph]:
    """Read flowcharts by mermaid's own parser, with its default limits, as GitHub does.

    One call for many texts, since loading mermaid takes 2 seconds.

    Raises:
        ValueError: Mermaid refuses a text, or would refuse to draw it; with the reason of each.
    """
    page.raw.goto("about:blank")
    page.raw.add_script_tag(content=npm_file("mermaid"))
    answers = page.raw.evaluate(_READ_MERMAID, list(texts))
    errors = [f"text {index}: {each['error']}" for index, each in enumerate(answers) if "error" in each]
    if errors:
        raise ValueError("\n".join(errors))
    graphs = []
    for found in answers:
        groups = {
            name: Group(_mermaid_label(title), frozenset(members))
            for name, title, members in found["groups"]
        }
        nodes = {name: _mermaid_label(label) for name, label in found["nodes"] if name not in groups}
        edges = [Edge(tail, head, _mermaid_label(label)) for tail, head, label in found["edges"]]
        graphs.append(Graph(nodes, sorted(edges), groups))
    return graphs


def _mermaid_label(label: str) -> str:
    # Mermaid keeps `#quot;` in this form until it draws.
    text = label.replace("ﬂ°°", "&#").replace("ﬂ°", "&").replace("¶ß", ";")
    return html.unescape(re.sub(r"<br ?/?>", "\n", text))
