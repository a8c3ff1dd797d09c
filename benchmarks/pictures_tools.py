"""Tools that `pictures.py` compares: how each gets a model, and what in its page is the graph.

As a script, `python pictures_tools.py TOOL MODEL FOLDER`, it makes one picture. It prints its address as
JSON as soon as a browser can open the picture. A server runs until its stdin ends.
"""

from __future__ import annotations

import importlib.metadata
import json
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]


class Tool(NamedTuple):
    """One tool.

    `visible` is a selector that matches as soon as the page shows the graph. `make` makes the picture of
    a model in a folder and returns its address; it is None for this project's commands.
    """

    title: str
    package: str
    visible: str
    make: Callable[[str, Path], str] | None


def installed(tool: Tool) -> str | None:
    """Return the version of a tool, or None if it is absent."""
    with suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(tool.package)
    return None


def _model(name: str, device: str) -> tuple[Any, dict[str, Any]]:
    """Return a model whose weights have no values, so that no tool waits for them, and its inputs."""
    import torch
    from pictures_models import MODELS

    with torch.device("meta"):
        model = MODELS[name].build().eval()
    if device != "meta":
        model.to_empty(device=device)
    return model, MODELS[name].examples(device)


def _device(name: str) -> str:
    """Return `meta`, or `cpu` for the one model whose forward reads values."""
    return "cpu" if name == "gpt2_xl" else "meta"


def _exported(name: str, device: str) -> Any:
    import torch

    model, inputs = _model(name, device)
    with torch.no_grad():
        return torch.export.export(model, (), kwargs=inputs, strict=False)


def netron(name: str, folder: Path) -> str:
    """Export to `.pt2` and serve the file. On the meta device: Netron reads no weights."""
    import netron as tool
    import torch

    file = folder / f"{name}.pt2"
    torch.export.save(_exported(name, "meta"), file)
    _, port = tool.start(str(file), address=("localhost", _free_port()), browse=False)
    return f"http://localhost:{port}"


def model_explorer(name: str, folder: Path) -> str:
    """Export and serve the program from memory. On the CPU: Model Explorer reads weights."""
    import model_explorer as tool
    from model_explorer import server

    config = tool.config()
    config.add_model_from_pytorch(name, exported_program=_exported(name, "cpu"))
    port = _free_port()
    serve = threading.Thread(
        target=server.start,
        kwargs={"port": port, "config": config, "no_open_in_browser": True, "skip_health_check": True},
        daemon=True,
    )
    serve.start()
    address = f"http://localhost:{port}/"
    while True:
        with suppress(OSError), urllib.request.urlopen(address):
            return f"{address}?data={config.to_url_param_value()}"
        time.sleep(0.01)


def torchvista(name: str, folder: Path) -> str:
    """Write torchvista's page, also of a model that fails."""
    import torchvista as tool

    model, inputs = _model(name, _device(name))
    file = folder / f"{name}-torchvista.html"
    values = tuple(inputs.values())
    try:
        tool.trace_model(
            model, values if len(values) > 1 else values[0], export_format="html", export_path=str(file)
        )
    except RuntimeError:
        if name != "failing":
            raise
    return file.as_uri()


def torchview(name: str, folder: Path) -> str:
    """Write torchview's picture of three levels by Graphviz, as SVG."""
    import torchview as tool

    device = _device(name)
    model, inputs = _model(name, device)
    graph = tool.draw_graph(model, input_data=inputs, device=device, expand_nested=True, depth=3)
    graph.visual_graph.format = "svg"
    return Path(graph.visual_graph.render(f"{name}-torchview", directory=folder)).as_uri()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


_OURS = "svg.graph .box"

TOOLS = {
    "page": Tool("netinspect page", "netinspect", _OURS, None),
    "saved": Tool("netinspect page, saved trace", "netinspect", _OURS, None),
    "graph": Tool("netinspect graph", "netinspect", "svg text", None),
    # The class `default` replaces `welcome` when the graph has its positions.
    "netron": Tool("Netron", "netron", "body.default .node", netron),
    # The graph is a WebGL canvas, which a panel covers until it has been drawn.
    "model_explorer": Tool(
        "Model Explorer",
        "ai-edge-model-explorer",
        "body:not(:has(.processing-msg-container)) webgl-renderer canvas",
        model_explorer,
    ),
    "torchvista": Tool("torchvista", "torchvista", "svg [class^=node-label_]", torchvista),
    "torchview": Tool("torchview", "torchview", "svg g.node", torchview),
}


def main() -> None:
    """Make one picture, report its address, and wait for the end of stdin."""
    tool, name, folder = sys.argv[1:4]
    make = TOOLS[tool].make
    assert make is not None
    reports, sys.stdout = sys.stdout, sys.stderr
    print(json.dumps({"url": make(name, Path(folder))}), file=reports, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
