"""Writes the pages of docs/operate that are made from tables in the code: error codes and findings.

`./dev docs` writes them anew, `./dev docs --check` only says whether they are stale (exit code 1).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ebrvt_connect.ops.error_catalogue import as_read, catalogue_by_room
from ebrvt_connect.trust.findings import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ebrvt_connect.errors import Explanation
    from ebrvt_connect.trust.catalogue import Weight

FOLDER = Path(__file__).parent / "operate"
OURS = "ebrvt_adapters."
HEADINGS = {
    "errors": "Anywhere",
    "model": "Values (codes, numbers, dates)",
    "ports": "Stored contents",
    "codec": "Reading and writing packets: XML, edXML, JSON, ZIP",
    "trust": "Trust folder and register of signers",
    "transport": "The network, TLS, signing keys, timestamps",
    "store": "The ledger",
    "engine": "On the way",
    "ops": "Configuration, gate, command line",
    "ebrvt_adapters.baocao": "Adapter baocao: the reporting software of the ministry",
    "ebrvt_adapters.dvcqg": "Adapter dvcqg: the National Public Service Portal",
    "ebrvt_adapters.motcua": "Adapter motcua: the one-stop shop",
    "ebrvt_adapters.qlvb": "Adapter qlvb: the document-management system",
    "ebrvt_adapters.vxp": "Adapter vxp: the national document exchange axis",
}
NOTICE = "<!-- Made by `./dev docs` from tables in the code; edit those, not this page. -->"


def errors_page() -> str:
    """Every code an operator may meet, grouped by where it comes from."""
    lines = [
        NOTICE,
        "# Error codes",
        "",
        "What a ticket quotes. `ebrvt explain CODE` says the same on the command line. Words in braces are",
        "filled in when it happens. Codes of the simulators and the demonstration are left out.",
    ]
    for room, explanations in catalogue_by_room().items():
        # A vendor's adapter that happens to be installed here has documentation of its own.
        if room in HEADINGS or room.startswith(OURS):
            lines += ["", f"## {HEADINGS.get(room, room)}", "", *errors_table(explanations)]
    return "\n".join(lines) + "\n"


def errors_table(explanations: Iterable[Explanation]) -> list[str]:
    """Code, what happened, what to do."""
    rows = [(f"`{e.code}`", as_read(e.sentence_vi), as_read(e.advice_vi)) for e in explanations]
    return table(("Code", "What happened", "What to do"), rows)


def findings_page() -> str:
    """Every finding on a signature, in the order a verification looks for them."""
    rows = [
        (
            f"`{f.code}`",
            f.weight.severity.value,
            verdict(f.weight),
            f.message_vi,
            f.message_en,
            f.legal_ref,
        )
        for f in CATALOGUE.values()
    ]
    head = ("Code", "Severity", "Leads to", "Vietnamese", "English", "Article")
    return "\n".join(
        [
            NOTICE,
            "# Findings on signatures",
            "",
            "What `ebrvt verify` and the gate remark on. An error keeps a signature from passing; what it",
            "leads to is said in the words of ETSI EN 319 102-1. A policy may weigh a finding differently.",
            "",
            *table(head, rows),
            "",
        ]
    )


def verdict(weight: Weight) -> str:
    """What a finding does to the verdict; nothing for a remark."""
    return f"{weight.indication}: {weight.sub_indication}" if weight.sub_indication else ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table; a bar or a line end within a cell does not break it."""
    written = ["| " + " | ".join(cell(text) for text in row) + " |" for row in rows]
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *written]


def cell(text: str) -> str:
    """A text that stays in its cell."""
    return " ".join(text.replace("|", "\\|").split())


PAGES = {"errors.md": errors_page, "findings.md": findings_page}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages, or say which are stale."""
    parser = argparse.ArgumentParser(prog="./dev docs", description="Write the generated pages anew.")
    parser.add_argument("--check", action="store_true", help="only say whether they are stale")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where they lie (default: docs/operate)")
    wanted = parser.parse_args(arguments)
    stale = []
    for name, page in PAGES.items():
        path, text = wanted.folder / name, page()
        if path.is_file() and path.read_text("utf-8") == text:
            continue
        stale.append(name)
        if not wanted.check:
            path.write_text(text, "utf-8")
    if wanted.check and stale:
        sys.stderr.write(f"stale: {', '.join(stale)} in {wanted.folder}; run ./dev docs\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
