"""JavaScript files of packages of npm, which tests run in a page. They are not part of netinspect."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.support import PATIENCE, fail_or_skip

FOLDER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "netinspect-tests"
"""Outside of the tree, so that a new checkout finds them; read before the environment is replaced."""


class NpmFile(NamedTuple):
    """A file that needs no other one."""

    version: str
    path: str
    sha256: str


FILES = {
    "axe-core": NpmFile(
        "4.14.1", "axe.min.js", "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
    ),
    "mermaid": NpmFile(
        "12.3.0",
        "dist/mermaid.min.js",
        "336df803d87a38b70a01e736e666c8f7601d2ce42f5e47c8fafe5d721074b9a3",
    ),
}


@cache
def npm_file(package: str) -> str:
    """Return the text of the file of a package, and download the package at first use.

    Raises:
        ValueError: The file is another one than the tests were written with.
    """
    pinned = FILES[package]
    file = FOLDER / f"{package}-{pinned.version}-{Path(pinned.path).name}"
    if not file.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
            new = Path(folder, file.name)
            new.write_bytes(_download(package, pinned, folder))
            new.replace(file)  # at once, since another process may read or write it
    data = file.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if found != pinned.sha256:
        raise ValueError(f"{file}: expected SHA-256 {pinned.sha256}, got {found}; remove the file")
    return data.decode()


def _download(package: str, pinned: NpmFile, folder: str) -> bytes:
    if shutil.which("npm") is None:
        fail_or_skip("npm")
    # Without the packages that it depends on, which its file contains.
    name = f"{package}@{pinned.version}"
    completed = subprocess.run(
        ["npm", "pack", name, "--loglevel=error", "--ignore-scripts", "--fetch-retries=1"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if completed.returncode:
        fail_or_skip(f"{name} from npm ({(completed.stderr or completed.stdout).strip()[:300]})")
    with tarfile.open(Path(folder, completed.stdout.split()[-1])) as archive:
        member = archive.extractfile(f"package/{pinned.path}")
        assert member is not None
        return member.read()
