"""Signing XML files of any form (ký tệp XML): XAdES, with a timestamp where an authority is named.

What is signed is the whole file, or with `part_id` one element of it. A signature over the whole is broken
by the next one, so papers that several people sign have a part that all of them sign; the last of them, the
agency's seal, may sign the whole with their signatures in it. Packets whose form a
ministry lays down are signed without XAdES by `trust.xmldsig` itself.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ebrvt_connect.codec.xml import parse_tree
from ebrvt_connect.errors import InvalidValue, RetryLater
from ebrvt_connect.trust.xades_claims import stamped_octets, with_timestamp
from ebrvt_connect.trust.xml_words import SIGNATURE
from ebrvt_connect.trust.xmldsig import sign_packet, sign_part, sign_whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pyhanko.sign.timestamps import TimeStamper

    from ebrvt_connect.ports.signer import Signer

_STAMPED_DIGEST = "sha256"


def sign_xml(
    document: bytes,
    signer: Signer,
    *,
    signed_at: datetime,
    part_id: str = "",
    timestamper: TimeStamper | None = None,
    on_unstamped: Callable[[RetryLater], None] | None = None,
) -> bytes:
    """The file with an enveloped signature as its root's last child; UTF-8, without an XML declaration.

    `signed_at` (aware) is the claimed time; with a `timestamper` an authority proves it (B-T instead of
    B-B). `on_unstamped` as in `sign_pdf`. The reference names the root by its `Id` where it has one and there
    is no signature in it yet, else the whole document. With `part_id` the element with that `Id` is signed,
    and the signature stands beside it.

    Raises `ValueError` for a naive time, a file that is not well-formed, has a DOCTYPE, comments or
    processing instructions, or no such part; without `part_id` also for one that is signed as a whole
    already. Whatever signer and timestamper raise passes through.
    """
    signed = _signed(document, signer, signed_at, part_id)
    if timestamper is None:
        return signed
    try:
        token = _token(timestamper, stamped_octets(signed))
    except RetryLater as failure:
        if on_unstamped is None:
            raise
        on_unstamped(failure)
        return signed
    return with_timestamp(signed, token)


def _signed(document: bytes, signer: Signer, signed_at: datetime, part_id: str) -> bytes:
    if part_id:
        return sign_part(document, signer, reference_id=part_id, signed_at=signed_at)
    try:
        root = parse_tree(document)
    except InvalidValue as failure:
        raise ValueError(f"XML to be signed: {failure}") from failure
    root_id = root.get("Id")
    if root_id and next(root.iter(SIGNATURE), None) is None:
        return sign_packet(document, signer, reference_id=root_id, signed_at=signed_at)
    return sign_whole(document, signer, signed_at=signed_at)


def _token(timestamper: TimeStamper, octets: bytes) -> bytes:
    # It brings pyHanko along, which a signature without a timestamp does not need.
    from ebrvt_connect.transport.signing_cms import run_steps

    digest = hashlib.new(_STAMPED_DIGEST, octets).digest()
    return bytes(run_steps(timestamper.async_timestamp(digest, _STAMPED_DIGEST)).dump())
