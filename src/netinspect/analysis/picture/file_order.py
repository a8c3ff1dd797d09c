"""Order of the nodes of a file's graph, in which those of one module call follow each other.

A file may list the nodes of several modules in turns, since only their data flow matters. A module is
one box if the boxes then still depend on each other in one direction only; otherwise each run of its
nodes is a box.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import NamedTuple

from netinspect.records.file_graph import FileGraph


class Unit(NamedTuple):
    """One box of a body: a node, or nodes of one module call."""

    module: int | None
    """Index of the module call; None for a node."""

    nodes: list[int]
    """Indices of the nodes, those of nested graphs not included."""


class NodeOrder:
    """Arrangement of the nodes of a graph into modules."""

    def __init__(self, graph: FileGraph) -> None:
        self._graph = graph
        self._bodies: list[list[int]] = [[] for _ in graph.bodies]
        for index, node in enumerate(graph.nodes):
            self._bodies[node.body].append(index)
        self.sources = self._lifted_sources()
        """For each node the earlier nodes of the same graph that it, or a graph in it, reads."""

    def nodes_of(self, body: int) -> list[int]:
        """Return the nodes of one graph."""
        return self._bodies[body]

    def arrange(self, nodes: Sequence[int], module: int) -> list[Unit]:
        """Return the boxes of a body in their order, which may differ from that of the file.

        Args:
            nodes: Nodes of one graph that belong to a module call or to calls in it.
            module: Index of that call.
        """
        units: list[Unit] = []
        merged: dict[int, Unit] = {}
        is_split = False
        for node in nodes:
            key = self._child(module, self._graph.nodes[node].module)
            if key is None:
                units.append(Unit(None, [node]))
            elif units and units[-1].module == key:
                units[-1].nodes.append(node)
            else:
                units.append(Unit(key, [node]))
                is_split = is_split or key in merged
                merged.setdefault(key, units[-1])
        return self._merged(units) if is_split else units

    def _child(self, module: int, of: int) -> int | None:
        """Return the call in a module call that a call is or is in; None if it is that call itself."""
        modules = self._graph.modules
        below: int | None = None
        at: int | None = of
        while at is not None and at != module:
            below, at = at, modules[at].parent
        return below if at == module else None

    def _merged(self, runs: list[Unit]) -> list[Unit]:
        """Merge the runs of each module, except where the modules then depend on each other."""
        first: dict[int, int] = {}
        owner = [
            run if unit.module is None else first.setdefault(unit.module, run)
            for run, unit in enumerate(runs)
        ]
        parts = _components(owner, self._links(runs))
        sizes: dict[int, set[int]] = {}
        for run, part in enumerate(parts):
            sizes.setdefault(part, set()).add(owner[run])
        groups: dict[int, Unit] = {}
        place = [run if len(sizes[parts[run]]) > 1 else owner[run] for run in range(len(runs))]
        for run, unit in enumerate(runs):
            group = groups.setdefault(place[run], Unit(unit.module, []))
            group.nodes.extend(unit.nodes)
        return [groups[each] for each in _sorted(place, self._links(runs))]

    def _links(self, runs: list[Unit]) -> list[set[int]]:
        """Return for each run the runs that it reads."""
        run_of = {node: run for run, unit in enumerate(runs) for node in unit.nodes}
        return [
            {
                run_of[source]
                for node in unit.nodes
                for source in self.sources[node]
                if source in run_of and run_of[source] != run
            }
            for run, unit in enumerate(runs)
        ]

    def _lifted_sources(self) -> list[set[int]]:
        graph = self._graph
        found: list[set[int]] = [set() for _ in graph.nodes]
        for index, node in enumerate(graph.nodes):
            for each in node.inputs:
                at: int | None = index
                # The value of a graph further out is read by the node that contains this one there.
                while at is not None and each.producer is not None:
                    if graph.nodes[at].body == graph.nodes[each.producer].body:
                        found[at].add(each.producer)
                        break
                    at = graph.bodies[graph.nodes[at].body].owner
        return found


def _components(owner: Sequence[int], links: Sequence[set[int]]) -> list[int]:
    """Return for each run the strongly connected component of its group.

    Args:
        owner: The group of each run.
        links: The runs that each run reads.
    """
    reads: dict[int, set[int]] = {group: set() for group in owner}
    for run, group in enumerate(owner):
        reads[group].update(owner[each] for each in links[run] if owner[each] != group)
    number: dict[int, int] = {}
    lowest: dict[int, int] = {}
    part: dict[int, int] = {}
    stack: list[int] = []
    for root in reads:
        if root in number:
            continue
        number[root] = lowest[root] = len(number)
        stack.append(root)
        work = [(root, iter(reads[root]))]
        while work:
            at, rest = work[-1]
            following = next(rest, None)
            if following is None:
                work.pop()
                if work:
                    above = work[-1][0]
                    lowest[above] = min(lowest[above], lowest[at])
                if lowest[at] == number[at]:
                    while True:
                        member = stack.pop()
                        part[member] = at
                        if member == at:
                            break
            elif following not in number:
                number[following] = lowest[following] = len(number)
                stack.append(following)
                work.append((following, iter(reads[following])))
            elif following not in part:
                lowest[at] = min(lowest[at], number[following])
    return [part[group] for group in owner]


def _sorted(place: Sequence[int], links: Sequence[set[int]]) -> list[int]:
    """Return the groups so that each follows those it reads, and is otherwise in the file's order."""
    reads: dict[int, set[int]] = {group: set() for group in place}
    for run, group in enumerate(place):
        reads[group].update(place[each] for each in links[run] if place[each] != group)
    readers: dict[int, list[int]] = {group: [] for group in reads}
    for group, sources in reads.items():
        for source in sources:
            readers[source].append(group)
    missing = {group: len(sources) for group, sources in reads.items()}
    ready = [group for group, count in missing.items() if count == 0]
    heapq.heapify(ready)
    found: list[int] = []
    while ready:
        group = heapq.heappop(ready)
        found.append(group)
        for reader in readers[group]:
            missing[reader] -= 1
            if missing[reader] == 0:
                heapq.heappush(ready, reader)
    return found
