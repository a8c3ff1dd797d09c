"""A hub on the loopback for each test that wants one."""

from __future__ import annotations

from collections.abc import Iterator

import huggingface_hub
import pytest
from huggingface_hub import constants, file_download

from netinspect.checkpoints.hub import client as hub_client
from tests.checkpoints.hub.hub_files import small, weights
from tests.checkpoints.hub.hub_server import Hub, Repository, running
from tests.support import PATIENCE


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with running() as made:
        monkeypatch.setattr(constants, "ENDPOINT", made.endpoint)
        template = made.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        for module in (constants, file_download):  # the latter has a name of its own before 1.0
            monkeypatch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", "/nonexistent/token")
        monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", PATIENCE)
        monkeypatch.setattr(hub_client, "_RETRIES", 0)
        made.repositories["org/name"] = Repository(
            {"config.json": small('{"model_type": "llama"}'), "model.safetensors": weights("a", "b")}
        )
        yield made
        # Its connections are of no use to others; before 1.0 they were kept by `requests`.
        getattr(huggingface_hub, "close_session", lambda: None)()
