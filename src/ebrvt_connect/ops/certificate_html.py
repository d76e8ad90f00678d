"""The certificate of verification as HTML that needs nothing else: no script, no font, no image.

Printed, the front is one A4 page always: each piece is kept to the lines it was given, and should strange
letters still make it taller only the list of findings gives way, which the annex has whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ebrvt_connect.ops.certificate_content import ANNEX, content_of, numbered
from ebrvt_connect.ops.certificate_notes import REMARK
from ebrvt_connect.trust.packet_report import PacketReport
from ebrvt_connect.trust.verdict import Indication

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ebrvt_connect.ops.certificate_page import Certificate
    from ebrvt_connect.trust.verdict import VerificationReport

_NOTHING = '<path d="M6 12h12"/>'
_SHAPES = {
    Indication.TOTAL_PASSED: '<circle cx="12" cy="12" r="10"/><path d="M7 12.5l3.4 3.4L17 8.8"/>',
    Indication.INDETERMINATE: '<path d="M12 2.5L22 20.5H2z"/><path d="M12 9v5.4M12 16.9v.9"/>',
    Indication.TOTAL_FAILED: '<path d="M8 2h8l6 6v8l-6 6H8l-6-6V8z"/><path d="M8 8l8 8M16 8l-8 8"/>',
}
"""Told apart by shape: a tick in a circle, an exclamation mark in a triangle, a cross in an octagon."""
_TONES = {
    Indication.TOTAL_PASSED: "passed",
    Indication.INDETERMINATE: "unclear",
    Indication.TOTAL_FAILED: "failed",
}


def html_of(reports: Sequence[VerificationReport | PacketReport]) -> str:
    """One document; each report begins a page when printed. The same reports give the same text."""
    environment = Environment(
        loader=PackageLoader("ebrvt_connect.ops"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["symbol"] = _symbol
    environment.filters["tone"] = lambda indication: _TONES.get(indication, "none")
    environment.filters["numbered"] = numbered
    return environment.get_template("certificate.html.j2").render(
        annex=ANNEX, remark=REMARK, certificates=[_certificate(report) for report in reports]
    )


def _certificate(report: VerificationReport | PacketReport) -> Certificate:
    if isinstance(report, PacketReport):
        from ebrvt_connect.ops.certificate_packet import packet_content_of

        return packet_content_of(report)
    return content_of(report)


def _symbol(indication: Indication | None) -> Markup:
    shape = _NOTHING if indication is None else _SHAPES[indication]
    return Markup('<svg viewBox="0 0 24 24" aria-hidden="true">{}</svg>').format(Markup(shape))  # noqa: S704 - shapes of ours


__all__ = ["html_of"]
