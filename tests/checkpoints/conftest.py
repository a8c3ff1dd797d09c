"""Fixtures of checkpoint tests: a local hub server and a sharded model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants, file_download
from safetensors.numpy import save_file

from netinspect.checkpoints.hub import client as hub_client
from tests.checkpoints.hub.hub_files import small, weights
from tests.checkpoints.hub.hub_server import Hub, Repository, running
from tests.checkpoints.sharded_files import tensors, write_index
from tests.support import PATIENCE


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with running() as made:
        monkeypatch.setattr(constants, "ENDPOINT", made.endpoint)
        template = made.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        for module in (constants, file_download):  # before 1.0, the latter has another name
            monkeypatch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nonexistent/token")
        monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", PATIENCE)
        monkeypatch.setattr(hub_client, "_RETRIES", 0)
        made.repositories["org/name"] = Repository(
            {"config.json": small('{"model_type": "llama"}'), "model.safetensors": weights("a", "b")}
        )
        yield made
        # Other tests cannot use its connections, which `requests` reuses in versions before 1.0.
        getattr(huggingface_hub, "close_session", lambda: None)()


@pytest.fixture
def sharded(tmp_path: Path) -> Path:
    """Return three shards of a model, in the order in which they should be read."""
    shard_of = {}
    for number in (1, 2, 3):
        shard = f"model-{number:05}-of-00003.safetensors"
        names = (f"layers.{number}.weight", f"layers.{number}.bias")
        save_file(tensors(*names), tmp_path / shard)
        shard_of.update(dict.fromkeys(names, shard))
    write_index(tmp_path, shard_of)
    return tmp_path
