"""Countersignatures in XML (chữ ký xác nhận): signatures over a signature's value (EN 319 132-1, 5.2.7).

Each stands in the signature it confirms, among its unsigned properties, refers to that SignatureValue, and
is judged as any other. It confirms a signature and covers no content: it is neither a leader's signature on
a document nor a seal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ebrvt_connect.trust.xml_words import COUNTERSIGNATURE, DS, SIGNATURE, XADES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lxml.etree import _Element as Element

_PLACE: Final = [
    COUNTERSIGNATURE,
    XADES + "UnsignedSignatureProperties",
    XADES + "UnsignedProperties",
    XADES + "QualifyingProperties",
    DS + "Object",
    SIGNATURE,
]


def confirmed_value(signature: Element, targets: Iterable[Element]) -> Element | None:
    """The SignatureValue that a countersignature confirms; None for any other signature.

    `targets` are what its references lead to: that value, and its own properties and key.
    """
    above = list(signature.iterancestors())[: len(_PLACE)]
    if [element.tag for element in above] != _PLACE:
        return None
    value = above[-1].find(DS + "SignatureValue")
    own = set(signature.iter())
    return value if [target for target in targets if target not in own] == [value] else None
