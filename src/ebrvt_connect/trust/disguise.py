"""Files that are two at once (tệp hai mặt): signed as one kind, opened as another by other software.

ZIP readers look for the end of the archive in the last 64 KB of any file, browsers paint whatever markup
they come upon. So neither may stand where nobody has signed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ebrvt_connect.trust import disguise_findings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ebrvt_connect.trust.policy import VerificationPolicy
    from ebrvt_connect.trust.verdict import Finding, SignatureReport

_ZIP_END = b"PK\x05\x06"
_ZIP_ENTRIES = (b"PK\x01\x02", b"PK\x03\x04")
"""An archive has one of them; a chance hit on four bytes has not."""
_ZIP_TAIL_BYTES = 22 + 65_535
_TAGS = (
    "html|head|body|title|script|style|iframe|frame|frameset|object|embed|svg|math|meta|link|base|div|span|table"
    "|tbody|form|input|img|image|video|audio|canvas|template|section|article|main|header|footer|center|font"
    r"|strong|pre|xmp|plaintext|textarea|h[1-6]|marquee|details|dialog|blockquote|list|template"
)
_MARKUP: Final = re.compile(rf"<(?:!--|!doctype\b|\?xml\b|/?(?:{_TAGS})(?=[\s/>]))".encode(), re.IGNORECASE)


def hides_archive(data: bytes, start: int, stop: int) -> bool:
    """Whether a ZIP reader would find an archive in a file outside of the bytes from `start` to `stop`."""
    at = data.find(_ZIP_END, max(0, len(data) - _ZIP_TAIL_BYTES))
    while at >= 0:
        if not start <= at <= stop - len(_ZIP_END):
            return any(data.find(mark) >= 0 for mark in _ZIP_ENTRIES)
        at = data.find(_ZIP_END, at + 1)
    return False


def hidden_in(data: bytes, start: int, stop: int) -> str:
    """What other software would find outside the bytes from `start` to `stop`; empty for nothing."""
    if hides_archive(data, start, stop):
        return "ZIP"
    outside = _MARKUP.search(data, 0, start) or _MARKUP.search(data, stop)
    return "HTML" if outside else ""


def repeated_signatures(
    signatures: Sequence[SignatureReport], policy: VerificationPolicy
) -> Iterator[Finding]:
    """One signature value that stands there more than once; two signatures never share one."""
    places: dict[str, list[int]] = {}
    for signature in signatures:
        if signature.identity is not None:
            places.setdefault(signature.identity.value, []).append(signature.index)
    for same in places.values():
        if len(same) > 1:
            listed = ", ".join(map(str, same))
            numbers = " và ".join(listed.rsplit(", ", 1))
            yield policy.notice(disguise_findings.SIGNATURE_REPEATED, numbers=numbers, numbers_en=listed)
