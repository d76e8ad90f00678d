"""Signatures a later revision hides (chữ ký bị gỡ hoặc giấu): once in the form, and listed no more.

Whoever cannot change what was signed can add a revision that forgets the signature, and the file then looks
like one that nobody signed, or somebody else alone. A trace of a signature may be anything; that it was one
is proven where the form of an earlier revision lists it, or its digest is that of the bytes it claims,
which stand at the beginning of this very file.
"""

from __future__ import annotations

from binascii import unhexlify
from typing import TYPE_CHECKING

from pyhanko.pdf_utils import generic
from pyhanko.sign.fields import enumerate_sig_fields

from ebrvt_connect.trust.signed_data import CmsMalformed, read_contents
from ebrvt_connect.trust.structure import Gap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_connect.trust.pdf_reading import PdfReading

_MOST_TRACES = 50
_MOST_REVISIONS = 100
_INTEGERS = 4
_WORK_TIMES = 4
"""How often the size of the file is hashed for all traces together."""


def hides_signature(reading: PdfReading) -> bool:
    """Whether a trace of a signature that the form does not list is surely one."""
    if not reading.traces:
        return False
    traces = sorted(reading.traces, key=lambda trace: trace[1] - trace[0].end)[:_MOST_TRACES]
    return any(_is_true(reading, gap, end) for gap, end in _within_bounds(traces, len(reading.data))) or any(
        gap in _listed_before(reading) for gap, _ in traces
    )


def _within_bounds(traces: list[tuple[Gap, int]], size: int) -> Iterator[tuple[Gap, int]]:
    left = _WORK_TIMES * size
    for gap, end in traces:
        left -= end - gap.end
        if left >= 0 and end <= size:
            yield gap, end


def _is_true(reading: PdfReading, gap: Gap, end: int) -> bool:
    """Whether it is CMS whose digest is that of the bytes around it."""
    if reading.digests is None:
        return False
    contents = unhexlify(memoryview(reading.data)[gap.start + 1 : gap.end - 1])
    try:
        signed = read_contents(contents, timestamp=False)
        digest = reading.digests.around(gap.start, gap.end, end, signed.signer_digest)
    except (CmsMalformed, ValueError, TypeError, KeyError):
        return False
    return digest == signed.message_digest


def _listed_before(reading: PdfReading) -> frozenset[Gap]:
    """The gaps of signatures in the forms of earlier revisions."""
    earlier = range(min(reading.reader.xrefs.total_revisions - 1, _MOST_REVISIONS))
    return frozenset(gap for at in earlier for gap in _listed_in(reading, at))


def _listed_in(reading: PdfReading, revision: int) -> Iterator[Gap]:
    try:
        form = reading.reader.get_historical_resolver(revision)
        values = [value.get_object() for _, value, _ in enumerate_sig_fields(form, filled_status=True)]
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - a revision that does not read lists nothing; others tell of it
        return
    for value in values[:_MOST_TRACES]:
        written = value.get("/ByteRange") if isinstance(value, generic.DictionaryObject) else None
        if isinstance(written, generic.ArrayObject) and len(written) == _INTEGERS:
            numbers = [n for n in written if isinstance(n, int)]
            yield from [Gap(numbers[1], numbers[2])] if len(numbers) == _INTEGERS else ()
