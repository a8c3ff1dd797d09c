"""A reader of HTML that checks its structure."""

from __future__ import annotations

from html.parser import HTMLParser

_EMPTY = ("meta", "br", "col")


class HtmlReader(HTMLParser):
    """The elements and the text of an HTML document or fragment.

    Attributes:
        text: What a browser shows, without styles and titles.
        elements: Tag and attributes of each element.
        rows: Tags, attributes and texts of the cells of each table row.
        titles: Title of each row.
    """

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.text = ""
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.rows: list[list[tuple[str, dict[str, str], str]]] = []
        self.titles: list[str] = []
        self._open: list[str] = []
        self.feed(markup)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        assert len(given) == len(attrs)
        self.elements.append((tag, given))
        if tag not in _EMPTY:
            self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
            self.titles.append(given.get("title", ""))
        if tag in ("td", "th"):
            self.rows[-1].append((tag, given, ""))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag in ("p", "pre", "tr", "title"):
            self.text += "\n"

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        self.text += data
        if {"td", "th"} & {*self._open}:
            tag, attrs, text = self.rows[-1][-1]
            self.rows[-1][-1] = (tag, attrs, text + data)
