"""Check of a page by axe-core against the success criteria of WCAG 2.2, levels A and AA."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.npm_files import npm_file

if TYPE_CHECKING:
    from tests.browser import Page

_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa")

_CHECK = """async ([rules, within]) => {
    const options = { iframes: false, runOnly: { type: "tag", values: rules } };
    const { violations, passes } = await axe.run(within || document, options);
    return [passes.length, violations.flatMap(rule => rule.nodes.map(node => [
        `${rule.id} (${rule.impact})`, node.target, node.failureSummary, node.html.slice(0, 200),
    ].join(": ")))];
}"""


def axe_violations(page: Page, within: str | None = None, *, frame: int = 0) -> list[str]:
    """Return the violations of a page and its frames, as they are shown now, each with its element.

    Args:
        page: The page.
        within: Selector of the elements to check, in one frame; None for all elements of all frames.
        frame: Number of that frame; 0 is the page itself.
    """
    found: list[str] = []
    for each in page.raw.frames if within is None else [page.raw.frames[frame]]:
        each.evaluate(npm_file("axe-core"))
        passed, violations = each.evaluate(_CHECK, [_RULES, within])
        assert passed, "no rule applies to the page"
        found += violations
    return found
