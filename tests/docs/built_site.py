"""Built pages of the documentation: what they link to, and what they load."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADED = {
    "script": ("src",),
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "iframe": ("src",),
    "embed": ("src",),
    "object": ("data",),
    "video": ("src", "poster"),
    "audio": ("src",),
    "track": ("src",),
    "image": ("href", "xlink:href"),
    "use": ("href", "xlink:href"),
}
_NOT_LOADED = {"canonical", "next", "prev", "alternate", "author", "license"}
"""Values of `rel` with which `<link>` only names a page."""

_CSS_URL = re.compile(r"""(?:url\(\s*|@import\s+)['"]?([^'")\s]+)""")


@dataclass
class Page(HTMLParser):
    """One HTML page."""

    file: Path
    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    """Addresses that a browser requests in order to show the page."""

    navigation: list[str] = field(default_factory=list)
    """Links of the navigation, which is the same on every page."""

    paragraphs: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []
        self.feed(self.file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Collect what an element links to, loads and is named."""
        values = {name: value or "" for name, value in attributes}
        if "id" in values:
            self.ids.add(values["id"])
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
            if "md-nav__link" in values.get("class", "").split():
                self.navigation.append(values["href"])
        elif tag == "link" and not {*values.get("rel", "").split()} & _NOT_LOADED:
            self.loaded.append(values["href"])
        for name in _LOADED.get(tag, ()):
            if name in values:
                addresses = values[name].split(",") if name == "srcset" else [values[name]]
                self.loaded += [each.split()[0] for each in addresses]
        self.loaded += _CSS_URL.findall(values.get("style", ""))
        self._open = [tag] if tag in ("p", "style") else self._open
        if tag == "p":
            self.paragraphs.append("")

    def handle_endtag(self, tag: str) -> None:
        """End a paragraph or a style sheet."""
        if tag in self._open:
            self._open = []

    def handle_data(self, data: str) -> None:
        """Collect the text of paragraphs, and what style sheets load."""
        if self._open == ["p"]:
            self.paragraphs[-1] += data
        elif self._open == ["style"]:
            self.loaded += _CSS_URL.findall(data)


@dataclass(frozen=True)
class Site:
    """A folder of built pages."""

    folder: Path
    pages: dict[Path, Page]

    @classmethod
    def read(cls, folder: Path) -> Site:
        """Parse all pages of a folder."""
        return cls(folder, {file: Page(file) for file in sorted(folder.rglob("*.html"))})

    def resolve(self, page: Page, link: str) -> tuple[Path, str] | None:
        """Return the file and the anchor of a link; None if it leads to another host."""
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            return None
        path = unquote(parts.path)
        start = self.folder if path.startswith("/") else page.file.parent
        target = (start / path.lstrip("/")).resolve() if path else page.file
        return target / "index.html" if target.is_dir() else target, unquote(parts.fragment)

    def broken_links(self) -> Iterator[str]:
        """Return links of all pages, and files that they load, that do not exist."""
        for page in self.pages.values():
            for link in (*page.links, *page.loaded):
                found = self.resolve(page, link)
                if found is None:
                    continue
                file, anchor = found
                is_known = not anchor or file not in self.pages or anchor in self.pages[file].ids
                if not file.is_file() or not is_known:
                    yield f"{page.file.relative_to(self.folder)}: {link}"

    def foreign_requests(self) -> Iterator[str]:
        """Return addresses on other hosts that pages or their style sheets load."""
        for page in self.pages.values():
            for address in page.loaded:
                if self.resolve(page, address) is None and not address.startswith("data:"):
                    yield f"{page.file.relative_to(self.folder)}: {address}"
        for file in self.folder.rglob("*.css"):
            for address in _CSS_URL.findall(file.read_text(encoding="utf-8")):
                if urlsplit(address).netloc:
                    yield f"{file.relative_to(self.folder)}: {address}"
