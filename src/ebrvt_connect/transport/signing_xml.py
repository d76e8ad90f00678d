"""Signing XML files of any form (ký tệp XML) the way the house signs its packets: `trust.xmldsig`.

What is signed is the whole file, or with `part_id` one element of it. A signature over the whole is broken
by the next one, so papers that several people sign have a part that all of them sign.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebrvt_connect.codec.xml import parse_tree
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.trust.xmldsig import sign_packet, sign_part, sign_whole

if TYPE_CHECKING:
    from ebrvt_connect.ports.signer import Signer


def sign_xml(document: bytes, signer: Signer, *, part_id: str = "") -> bytes:
    """The file with an enveloped signature as its root's last child; UTF-8, without an XML declaration.

    Its reference names the root by its `Id` where it has one, else the whole document. With `part_id` the
    element with that `Id` is signed, and the signature stands beside it.

    Raises `ValueError` for a file that is not well-formed, has a DOCTYPE, comments or processing
    instructions, or no such part; without `part_id` also for one that is signed already. Whatever the signer
    raises passes through.
    """
    if part_id:
        return sign_part(document, signer, reference_id=part_id)
    try:
        root_id = parse_tree(document).get("Id")
    except InvalidValue as failure:
        raise ValueError(f"XML to be signed: {failure}") from failure
    if root_id:
        return sign_packet(document, signer, reference_id=root_id)
    return sign_whole(document, signer)
