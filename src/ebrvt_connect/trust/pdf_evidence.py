"""Evidence a PDF brings along (DSS): certificates, revocation lists and OCSP answers added after signing.

Nobody needs to have signed it: a certificate is a hint, and a list or an answer stands by its issuer's own
signature. So none of it is trusted for where it was found, and what does not read is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyhanko.pdf_utils import generic

from ebrvt_connect.trust.embedded import Embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from ebrvt_connect.trust.pdf_reading import PdfReading, PlacedSignature

_MOST = 100
"""Objects of a kind; a chain needs a handful."""


def evidence_in_pdf(reading: PdfReading) -> Embedded:
    """What the newest DSS of a file holds; empty when there is none or it does not read."""
    return _held_by(lambda: reading.reader.root)


def evidence_under(reading: PdfReading, timestamp: PlacedSignature, proven: datetime) -> Embedded:
    """What the DSS held that a document timestamp covers: it was there at the time the timestamp proves.

    Only for one that covers its whole revision. Lists but those signed with SHA-1 need no such proof: their
    issuer lives as long as its chain is judged, an OCSP responder often for weeks only.
    """

    def root() -> generic.DictionaryObject:
        revision = reading.reader.xrefs.get_last_change(timestamp.field.raw_get("/V").reference)
        held: generic.DictionaryObject = reading.reader.get_historical_root(revision)
        return held

    return _held_by(root, there_at=proven)


def _held_by(root: Callable[[], generic.DictionaryObject], *, there_at: datetime | None = None) -> Embedded:
    try:
        store = root()["/DSS"]  # `get` would leave a reference a reference
        if not isinstance(store, generic.DictionaryObject):
            return Embedded()
        if there_at is not None:
            return Embedded.of(
                crls=_streams(store, "/CRLs"), ocsps=_streams(store, "/OCSPs"), there_at=there_at
            )
        return Embedded.of(
            certificates=_streams(store, "/Certs"),
            crls=_streams(store, "/CRLs"),
            ocsps=_streams(store, "/OCSPs"),
        )
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - evidence that breaks a parser is no evidence; the verdict stands without
        return Embedded()


def stands_over_evidence(reading: PdfReading, timestamp: PlacedSignature) -> bool:
    """Whether the revision a document timestamp covers had a DSS already."""
    try:
        revision = reading.reader.xrefs.get_last_change(timestamp.field.raw_get("/V").reference)
        return "/DSS" in reading.reader.get_historical_root(revision)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - as above
        return False


def _streams(store: generic.DictionaryObject, name: str) -> Iterator[bytes]:
    if name not in store:
        return
    listed = store[name]
    for item, _ in zip(listed, range(_MOST), strict=False):
        stream = item.get_object()
        if isinstance(stream, generic.StreamObject):
            yield bytes(stream.data)
