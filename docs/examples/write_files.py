"""Checkpoints of the examples in the README and docs; run `python docs/examples/write_files.py`."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

HERE = Path(__file__).parent
WIDTH, INNER, WORDS, BLOCKS = 16, 44, 128, 4


def tiny() -> dict[str, torch.Tensor]:
    """Return the weights of a very small decoder, with the names of Llama."""
    torch.manual_seed(0)
    shapes = {"model.embed_tokens.weight": (WORDS, WIDTH)}
    for block in range(BLOCKS):
        at = f"model.layers.{block}"
        shapes |= {f"{at}.self_attn.{name}_proj.weight": (WIDTH, WIDTH) for name in "qkvo"}
        shapes |= {f"{at}.mlp.{name}_proj.weight": (INNER, WIDTH) for name in ("gate", "up")}
        shapes |= {f"{at}.mlp.down_proj.weight": (WIDTH, INNER)}
        shapes |= {
            f"{at}.{name}.weight": (WIDTH,) for name in ("input_layernorm", "post_attention_layernorm")
        }
    shapes |= {"model.norm.weight": (WIDTH,), "lm_head.weight": (WORDS, WIDTH)}
    return {
        name: torch.randn(shape, dtype=torch.float32).mul(0.02).to(torch.bfloat16)
        if len(shape) > 1
        else torch.ones(shape)
        for name, shape in shapes.items()
    }


class Greeting:
    """An object whose pickle calls a function when it is loaded."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("this would have been executed",)


def main() -> None:
    """Write the files."""
    weights = tiny()
    save_file(weights, HERE / "tiny.safetensors", metadata={"format": "pt"})
    tuned = {f"module.{name}": tensor.clone() for name, tensor in weights.items()}
    tuned["module.model.layers.3.self_attn.q_proj.weight"] += 0.01
    tuned["module.model.layers.1.mlp.up_proj.weight"][0, 0] = float("nan")
    tuned["module.score.weight"] = torch.zeros(2, WIDTH)
    del tuned["module.lm_head.weight"]
    save_file(tuned, HERE / "tuned.safetensors", metadata={"format": "pt"})
    torch.save({"weight": torch.zeros(3), "note": Greeting()}, HERE / "untrusted.pt")
    torch.manual_seed(0)
    classifier = {"hidden": nn.Linear(8, 16), "head": nn.Linear(16, 3)}
    save_file(
        {
            f"module.{layer}.{name}": tensor
            for layer, module in classifier.items()
            for name, tensor in module.state_dict().items()
        },
        HERE / "classifier.safetensors",
    )


if __name__ == "__main__":
    main()
