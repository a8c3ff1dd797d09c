"""Cost of a whole command, compared with the minimum of any script, and with other tools.

    python benchmarks/speed.py [--rounds N] [--python PYTHON] [--only GLOB] [--peers [TOOL ...]]

Each cell is a process of its own that imports its tool, builds a model, and analyses one forward. The
cells of a model are measured in turn, so that a busy machine slows all of them equally. CPU seconds
(user and system) and peak memory are medians over the rounds; a first, cold round is discarded. The
result is the ratio to the floor: a bare script that imports torch, builds the model with its weights and
runs it once.

With `--peers`, other tools run on the same model and inputs: the named ones, or all. Tools that PYTHON
lacks are skipped with a message. The models in `nets/` are published ones; their parameter counts are
checked before the measurement.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = [str(ROOT / "benchmarks" / "nets"), str(ROOT / "models"), str(ROOT)]
OURS = "netinspect"

HEAD = f"import sys\nsys.path[:0] = {FOLDERS!r}\nimport torch\n"
# torchvision may lack its compiled operators here, and transformers imports it if it is installed.
STAND_INS = "from tests import operators\noperators.declare()\n"

TOOLS = {
    "floor": "with torch.no_grad():\n    print(type(model(*inputs)))",
    "torchinfo": (
        "import torchinfo\n"
        "print(torchinfo.summary(model, input_data=list(inputs), device=inputs[0].device, verbose=0))"
    ),
    "torchview": (
        "import torchview\n"
        "print(torchview.draw_graph(model, inputs, device=inputs[0].device).visual_graph.source)"
    ),
    "torchlens": "import torchlens\nprint(torchlens.trace(model, list(inputs)))",
    "fvcore": (
        "from fvcore.nn import FlopCountAnalysis, flop_count_table\n"
        "print(flop_count_table(FlopCountAnalysis(model, inputs)))"
    ),
    "calflops": (
        "from calflops import calculate_flops\n"
        "print(calculate_flops(model, args=list(inputs), print_results=False))"
    ),
}
"""Code of each tool, which uses `model` and `inputs`."""


@dataclass(frozen=True)
class Model:
    """One model, for a script and for a command line."""

    name: str
    build: str
    inputs: str
    target: str
    elements: int
    options: tuple[str, ...] = ()
    cpu_goal: float = 1.0
    """Upper limit for the CPU seconds divided by those of the floor."""

    library: bool = False


@dataclass(frozen=True)
class Cost:
    """Cost of one process."""

    seconds: float
    mebibytes: float


class Failed(Exception):
    """A process failed; the message is the last line of its errors."""


def _llama(folder: Path, name: str, **sizes: int) -> str:
    """Write a configuration, and return the code that builds its model on the meta device."""
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 128256}
    config |= {"torch_dtype": "bfloat16", "tie_word_embeddings": False, **sizes}
    (folder / name).mkdir()
    (folder / name / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return (
        "from transformers import AutoConfig, AutoModelForCausalLM\n"
        f"config = AutoConfig.from_pretrained({str(folder / name)!r})\n"
        "with torch.device('meta'):\n    model = AutoModelForCausalLM.from_config(config)"
    )


def models(folder: Path) -> Iterator[Model]:
    """Return the models, and write the other files that they need to a folder."""
    nets, image = ROOT / "benchmarks" / "nets", "(torch.randn(1, 3, 224, 224),)"
    tokens = "(torch.randint(0, 50257, (1, 128)),)"
    yield Model(
        "LeNet",
        "import lenet\nmodel = lenet.LeNet()",
        "(torch.randn(10, 1, 28, 28),)",
        "lenet",
        44_426,
        cpu_goal=1.15,
    )
    for name, elements in (("resnet50", 25_557_032), ("resnet152", 60_192_808)):
        build = f"import resnet\nmodel = resnet.{name}()"
        target = f"{nets / 'resnet.py'}:{name}"
        yield Model(name.replace("resnet", "ResNet-"), build, image, target, elements, cpu_goal=0.95)
    build = "import vit\nmodel = vit.VisionTransformer()"
    yield Model("ViT-B/16", build, image, str(nets / "vit.py"), 86_567_656, cpu_goal=0.8)
    build = "import gpt2\nmodel = gpt2.GPT2()"
    yield Model("GPT-2", build, tokens, str(nets / "gpt2.py"), 124_439_808, cpu_goal=0.8)
    meta = "(torch.zeros((1, 128), dtype=torch.int64, device='meta'),)"
    build = "import llama\nwith torch.device('meta'):\n    model = llama.Llama()"
    yield Model("Llama-3-8B, own file", build, meta, str(nets / "llama.py"), 8_030_261_248, cpu_goal=1.3)
    small = _llama(
        folder,
        "8b",
        hidden_size=4096,
        intermediate_size=14336,
        num_attention_heads=32,
        num_hidden_layers=32,
        num_key_value_heads=8,
    )
    large = _llama(
        folder,
        "405b",
        hidden_size=16384,
        intermediate_size=53248,
        num_attention_heads=128,
        num_hidden_layers=126,
        num_key_value_heads=8,
    )
    for name, place, build, elements in (
        ("Llama-3-8B", "8b", small, 8_030_261_248),
        ("Llama-3.1-405B", "405b", large, 405_853_388_800),
    ):
        target, options = f"transformers:{folder / place}", ("--input", "input_ids=1x128:int64:0..999")
        yield Model(name, build, meta, target, elements, options, cpu_goal=1.3, library=True)


def program(model: Model, tool: str) -> str:
    """Write the script of one cell."""
    stand_ins = STAND_INS if model.library else ""
    if tool == OURS:
        words = ["netinspect", "summary", model.target, "--format", "rich", *model.options]
        ours = f"sys.argv = {words!r}\nfrom netinspect.cli.run import main\nmain()"
        # Nothing is imported first that the command line would not import itself.
        return (HEAD if model.library else HEAD.replace("import torch\n", "")) + stand_ins + ours
    return (
        f"{HEAD}{stand_ins}torch.manual_seed(0)\n{model.build}\n"
        f"model.eval()\ninputs = {model.inputs}\n{TOOLS[tool]}"
    )


def run(python: str, code: str) -> Cost:
    """Run a script in a child process, and return its CPU seconds and peak memory.

    Raises:
        Failed: The script ends with an error.
    """
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
    }
    # An empty cache folder for each run: the trace is written to the cache, but never read from it.
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryDirectory() as home:
        # Errors go to a file: a full pipe would block a tool with many warnings.
        with subprocess.Popen(
            [python, "-c", code],
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=environment | {"OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": home},
        ) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        lines = errors.read().decode(errors="replace").strip().splitlines()
    if process.returncode:
        raise Failed(lines[-1] if lines else f"exit code {process.returncode}")
    scale = 1024 if sys.platform != "darwin" else 1024 * 1024
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / scale)


def check(python: str, model: Model) -> None:
    """Compare the number of parameters of a model with the published one."""
    stand_ins = STAND_INS if model.library else ""
    run(
        python,
        f"{HEAD}{stand_ins}with torch.device('meta'):\n"
        + "".join(f"    {line}\n" for line in model.build.splitlines())
        + f"found = sum(each.numel() for each in model.parameters())\n"
        f"assert found == {model.elements}, f'{{found}} parameters'",
    )


def present(python: str, tools: Sequence[str]) -> list[str]:
    """Return the tools that an interpreter can import, and print which ones it lacks."""
    found = []
    for tool in tools:
        try:
            run(python, f"import torch, {tool}")
        except Failed as error:
            print(f"without {tool}: {error}")
        else:
            found.append(tool)
    return found


def measure(python: str, model: Model, tools: Sequence[str], rounds: int) -> dict[str, list[Cost]]:
    """Measure the cells of one model in turn."""
    costs: dict[str, list[Cost]] = {tool: [] for tool in tools}
    for _ in range(rounds + 1):
        for tool in list(costs):
            try:
                costs[tool].append(run(python, program(model, tool)))
            except Failed as error:
                if tool in ("floor", OURS):
                    raise SystemExit(f"{tool} on {model.name}: {error}") from error
                print(f"{model.name}: {tool} fails: {str(error)[:150]}")
                del costs[tool]
    return {tool: found[1:] for tool, found in costs.items()}


def report(model: Model, costs: dict[str, list[Cost]]) -> Iterator[str]:
    """Format the cells of one model as rows of a table."""
    floors = costs["floor"]
    floor_memory = statistics.median(cost.mebibytes for cost in floors)
    for tool, found in costs.items():
        seconds = statistics.median(cost.seconds for cost in found)
        ratio = seconds / statistics.median(cost.seconds for cost in floors)
        ratios = [one.seconds / other.seconds for one, other in zip(found, floors, strict=True)]
        memory = statistics.median(cost.mebibytes for cost in found)
        goal = f"{model.cpu_goal:.2f}" if tool == OURS else ""
        spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
        yield (
            f"| {model.name} | {tool} | {seconds:.2f} | {ratio:.2f} | "
            f"{spread} | {goal} | {memory:.0f} | {memory / floor_memory:.2f} |"
        )


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="CPU seconds and peak memory of whole processes.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--python", default=sys.executable, help="the interpreter that runs all cells")
    parser.add_argument("--only", default="*", help="names of models, as a shell pattern")
    peers = [tool for tool in TOOLS if tool != "floor"]
    parser.add_argument("--peers", nargs="*", choices=peers, help="measure other tools too")
    options = parser.parse_args()
    wanted = [] if options.peers is None else options.peers or peers
    tools = ["floor", OURS, *present(options.python, wanted)]
    print("| model | tool | CPU s | x floor | min-max | goal | MiB | x floor |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for model in models(Path(folder)):
            if fnmatch.fnmatchcase(model.name, options.only):
                check(options.python, model)
                for line in report(model, measure(options.python, model, tools, options.rounds)):
                    print(line, flush=True)


if __name__ == "__main__":
    main()
