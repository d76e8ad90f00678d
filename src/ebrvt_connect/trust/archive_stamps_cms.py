"""Archive timestamps of CMS signatures (CAdES archive-time-stamp-v3): ETSI EN 319 122-1, 5.5.2 and 5.5.3.

Among the unsigned attributes of such a token stands an index: the digest of each certificate, list and
unsigned attribute value that was there. The token is about the content's type and digest, the signer's fields
and that index, octet by octet as they stand. What the index does not list, the timestamp does not protect; an
index that lists what is not there any more is none. Older forms of the index are named and not judged.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from asn1crypto import algos, cms, core

from ebrvt_connect.trust.archive_stamps import MOST_STAMPS, ArchiveStamp
from ebrvt_connect.trust.cms_evidence import pieces_in_cms
from ebrvt_connect.trust.der_count import content_of, values_in
from ebrvt_connect.trust.signed_data import (
    ARCHIVE_STAMP,
    ARCHIVE_STAMP_NAME,
    CmsMalformed,
    load_signed_data,
    timestamp_info,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ebrvt_connect.trust.signed_data import SignedData

_STAMP: bytes = core.ObjectIdentifier(ARCHIVE_STAMP).dump()
_INDEX: bytes = core.ObjectIdentifier("0.4.0.19122.1.5").dump()
_OLD_INDEXES = {
    core.ObjectIdentifier("0.4.0.1733.2.5").dump(): "ats-hash-index",
    core.ObjectIdentifier("0.4.0.19122.1.4").dump(): "ats-hash-index-v2",
}
_MOST_PARTS = 1000
_SEQUENCE, _SET, _OCTETS = 0x30, 0x31, 0x04
_UNSIGNED = 0xA1
"""[1] IMPLICIT: the unsigned attributes of a SignerInfo, its last field."""


@dataclass(frozen=True, slots=True)
class _Parts:
    """What of one signer's signed data an index may list, as octets; and the fields of the signer."""

    certificates: tuple[bytes, ...]
    lists: tuple[bytes, ...]
    fields: bytes
    """version, sid, digestAlgorithm, signedAttrs, signatureAlgorithm, signature."""
    attributes: tuple[tuple[bytes, bytes], ...]
    """Each unsigned attribute's type and one of its values."""
    _digests: dict[str, tuple[dict[bytes, bytes], ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, signed: SignedData) -> _Parts:
        """Raises `ValueError` for what is no DER."""
        content = signed.content
        fields = values_in(signed.signer_info.contents, _MOST_PARTS)
        return cls(
            values_in(content["certificates"].contents, _MOST_PARTS),
            values_in(content["crls"].contents, _MOST_PARTS),
            b"".join(f for f in fields if f[0] != _UNSIGNED),
            _attributes(fields),
        )

    def listed_in(self, index: _Index) -> frozenset[bytes]:
        """The parts whose digests an index lists; raises `CmsMalformed` where it lists what is not there."""
        found: set[bytes] = set()
        for by_digest, wanted in zip(self._by_digest(index.algorithm), index.digests, strict=True):
            if not wanted <= by_digest.keys():
                raise CmsMalformed("ats-hash-index-v3 nêu dữ liệu không còn trong tệp")
            found.update(by_digest[digest] for digest in wanted)
        return frozenset(found)

    def _by_digest(self, algorithm: str) -> tuple[dict[bytes, bytes], ...]:
        """Made once for all timestamps: the parts may be as large as the file."""
        if algorithm not in self._digests:
            values = tuple(kind + value for kind, value in self.attributes)
            self._digests[algorithm] = tuple(
                {hashlib.new(algorithm, part).digest(): part for part in parts}
                for parts in (self.certificates, self.lists, values)
            )
        return self._digests[algorithm]


@dataclass(frozen=True, slots=True)
class _Index:
    """An ats-hash-index-v3 (EN 319 122-1, 5.5.2)."""

    der: bytes
    algorithm: str
    digests: tuple[frozenset[bytes], ...]
    """Of certificates, of lists, of unsigned attribute values."""

    @classmethod
    def read(cls, der: bytes) -> _Index:
        """Raises `ValueError` for another shape."""
        algorithm, *lists = values_in(content_of(der, _SEQUENCE), 4)
        digests = tuple(
            frozenset(content_of(d, _OCTETS) for d in values_in(content_of(each, _SEQUENCE), _MOST_PARTS))
            for each in lists
        )
        if len(digests) != 3:  # noqa: PLR2004 - certificates, lists, attribute values
            raise ValueError("ats-hash-index-v3")
        named = algos.DigestAlgorithm.load(algorithm)["algorithm"].native
        if named not in hashlib.algorithms_available:
            raise ValueError("ats-hash-index-v3")
        return cls(der, named, digests)


def attribute_part(oid: str, value: core.Asn1Value) -> bytes:
    """One value of an unsigned attribute as archive timestamps list it: its attribute's type, and itself."""
    return bytes(core.ObjectIdentifier(oid).dump() + value.dump())


def archive_stamps_in_cms(
    signed: SignedData, content_digest: Callable[[str], bytes]
) -> tuple[tuple[ArchiveStamp, ...], tuple[str, ...]]:
    """The archive timestamps of one signer, and the names of those that are of an older kind.

    `content_digest` gives the digest of the signed content by algorithm name. Raises nothing for bad content.
    """
    if ARCHIVE_STAMP_NAME not in signed.later_timestamps():
        return (), ()
    try:
        parts = _Parts.of(signed)
    except (ValueError, TypeError):
        return (ArchiveStamp(trouble="chữ ký không mã hóa theo DER"),), ()
    stamps: list[ArchiveStamp] = []
    uncounted: list[str] = []
    for kind, value in parts.attributes:
        if kind != _STAMP:
            continue
        if old := _old_index(value):
            uncounted.append(f"{ARCHIVE_STAMP_NAME} ({old})")
        elif len(stamps) == MOST_STAMPS:
            return (*stamps, ArchiveStamp(trouble=f"có hơn {MOST_STAMPS} dấu thời gian lưu trữ")), ()
        else:
            stamps.append(_stamp(signed, parts, kind + value, value, content_digest))
    return tuple(stamps), tuple(dict.fromkeys(uncounted))


def _stamp(
    signed: SignedData,
    parts: _Parts,
    itself: bytes,
    value: bytes,
    content_digest: Callable[[str], bytes],
) -> ArchiveStamp:
    try:
        token = load_signed_data(value)
        index = _index_of(token)
        listed = parts.listed_in(index)
    except CmsMalformed as failure:
        return ArchiveStamp(itself=itself, trouble=failure.reason_vi)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return ArchiveStamp(itself=itself, trouble="không giải mã được")
    kind: bytes = signed.content["encap_content_info"]["content_type"].dump()

    def imprint(algorithm: str) -> bytes:
        about = (kind, content_digest(algorithm), parts.fields, index.der)
        return hashlib.new(algorithm, b"".join(about)).digest()

    return ArchiveStamp(
        token=token,
        imprint_of=imprint,
        itself=itself,
        protects=frozenset(listed - {itself}),
        evidence=pieces_in_cms(signed, protected=listed),
    )


def _index_of(token: cms.SignedData) -> _Index:
    """The one index of a token, made with the token's own digest; raises `CmsMalformed` and `ValueError`."""
    found = [value for kind, value in _unsigned_of(token) if kind == _INDEX]
    if len(found) != 1:
        raise CmsMalformed("thiếu hoặc thừa ats-hash-index-v3")
    index = _Index.read(found[0])
    if index.algorithm != timestamp_info(token)["message_imprint"]["hash_algorithm"]["algorithm"].native:
        raise CmsMalformed("ats-hash-index-v3 dùng thuật toán băm khác")
    return index


def _old_index(value: bytes) -> str:
    """The name of the older index a token has instead; empty when it has none, or the newer one too."""
    try:
        kinds = {kind for kind, _ in _unsigned_of(load_signed_data(value))}
    except (CmsMalformed, ValueError, TypeError, KeyError, IndexError):
        return ""
    return "" if _INDEX in kinds else next((name for kind, name in _OLD_INDEXES.items() if kind in kinds), "")


def _unsigned_of(token: cms.SignedData) -> tuple[tuple[bytes, bytes], ...]:
    (signer,) = token["signer_infos"]
    return _attributes(values_in(signer.contents, _MOST_PARTS))


def _attributes(fields: tuple[bytes, ...]) -> tuple[tuple[bytes, bytes], ...]:
    """Each unsigned attribute's type and one of its values, of a signer's fields; raises `ValueError`."""
    found: list[tuple[bytes, bytes]] = []
    for unsigned in (f for f in fields if f[0] == _UNSIGNED):
        for attribute in values_in(content_of(unsigned, _UNSIGNED), _MOST_PARTS):
            kind, values = values_in(content_of(attribute, _SEQUENCE), 2)
            found += ((kind, value) for value in values_in(content_of(values, _SET), _MOST_PARTS))
    return tuple(found)
