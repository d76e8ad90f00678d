"""One signer of CMS signed data, read for examination: the same of a CMS file and of a PDF."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyhanko.sign.validation.generic_cms import message_imprint_checker

from ebrvt_connect.trust.archive_stamps_cms import archive_stamps_in_cms, attribute_part
from ebrvt_connect.trust.cms_evidence import evidence_in_cms
from ebrvt_connect.trust.examination import ProofsOfExistence, SignatureReading, Stamp
from ebrvt_connect.trust.signed_data import ARCHIVE_STAMP_NAME, SIGNATURE_STAMP

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ebrvt_connect.trust.examination import Prover
    from ebrvt_connect.trust.signed_data import SignedData

_NOTHING_FURTHER = ProofsOfExistence()


def cms_reading(
    signed: SignedData,
    content_digest: Callable[[str], bytes] | None,
    prove: Prover,
    *,
    claimed_time: datetime | None,
    further: ProofsOfExistence = _NOTHING_FURTHER,
    archived: bool = False,
) -> SignatureReading:
    """What a signer's signed data say; `content_digest` gives the content's digest by algorithm name.

    It is None for content that is not at hand: timestamps over it cannot be judged. `archived` where archive
    timestamps have a place, which they have not in a PDF (EN 319 142-1, 6.3). Raises what asn1crypto raises
    for attributes that do not read.
    """
    stamps, uncounted = (
        archive_stamps_in_cms(signed, content_digest) if archived and content_digest is not None else ((), ())
    )
    imprint = message_imprint_checker(signed.signer_info)
    return SignatureReading(
        signer=signed,
        prove=prove,
        brought=evidence_in_cms(signed),
        claimed_time=claimed_time,
        before=() if content_digest is None else [Stamp(t, content_digest) for t in signed.content_tokens()],
        after=[
            Stamp(token, imprint, attribute_part(SIGNATURE_STAMP, value))
            for token, value in zip(signed.timestamp_tokens(), signed.unsigned(SIGNATURE_STAMP), strict=False)
        ],
        further=further,
        archive=stamps,
        uncounted=(
            *(name for name in signed.later_timestamps() if not (archived and name == ARCHIVE_STAMP_NAME)),
            *uncounted,
        ),
        bound=signed.names_its_certificate,
    )
