"""Every link in the README and the documents leads to a file, and every heading it names is there."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"\[[^\]]*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE)
HEADING = re.compile(r"^#+\s+(.+?)\s*#*$", re.MULTILINE)
PATH = re.compile(r"`((?:adapters|docs|examples|schemas|src|tests)/[\w./-]*[\w/])`")
"""A path of this checkout named in a sentence."""


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text("utf-8"))


def links(page: Path) -> list[str]:
    """The targets within this checkout."""
    found = [first or second for first, second in LINK.findall(SPAN.sub("`x`", prose(page)))]
    return [target for target in found if not re.match(r"[a-z][a-z0-9+.-]*:", target)]


def anchors(page: Path) -> set[str]:
    """The headings as a forge names them in an address."""
    headings = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(prose(page)))
    return {heading.replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page):
    lost = []
    for target in links(page):
        path, _, anchor = unquote(target).partition("#")
        file = (page.parent / path) if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            lost.append(target)
    assert lost == []


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.parent.name != "decisions"],  # those also name what was not chosen
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_every_path_named_in_a_sentence_is_there(page):
    assert [path for path in PATH.findall(prose(page)) if not (ROOT / path).exists()] == []


def test_the_readme_leads_to_every_document():
    """Straight, or by the folder it lies in."""
    named = {(ROOT / target.partition("#")[0]).resolve() for target in links(ROOT / "README.md")}
    lost = [page for page in PAGES[1:] if not named & {page, *page.parents}]
    assert lost == []
