"""Build hook: the long description of the package, which is the README with absolute links."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_PICTURES = (".svg", ".png", ".gif")
_CODE_OR_LINK = re.compile(
    r"""(?P<code>```.*?```|`[^`\n]+`)"""
    r"""|(?P<before>\]\(|\b(?:src|srcset|href)=")(?P<path>(?![a-z]+:)[^)"\s]+)""",
    re.DOTALL,
)


def absolute_links(text: str, home: str, version: str) -> str:
    """Replace the relative links of the README by links to the files of a release.

    Package indexes show the README without the files around it, and its headings without anchors.

    Args:
        text: Markdown, possibly with HTML in it.
        home: URL of the repository.
        version: The release, whose tag is `v` and this version.
    """

    def absolute(match: re.Match[str]) -> str:
        if match["code"]:
            return match[0]
        path = f"README.md{match['path']}" if match["path"].startswith("#") else match["path"]
        view = "raw" if path.endswith(_PICTURES) else "blob"
        return f"{match['before']}{home}/{view}/v{version}/{path}"

    return _CODE_OR_LINK.sub(absolute, text)


class LongDescription(MetadataHookInterface):
    """The long description, built from the README and the project's URL."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set `readme`, which pyproject.toml declares as dynamic."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        text = absolute_links(text, metadata["urls"]["Homepage"], metadata["version"])
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
