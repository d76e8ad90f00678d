"""CMS samples for the archive (CAdES B-LT, B-LTA): evidence put beside a signature, a timestamp over both.

Written from ETSI EN 319 122-1, 5.5, by itself: here values are built as objects and encoded anew, where the
verifier takes octets as they stand. What one of them misreads, the other does not read likewise.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from asn1crypto import algos, cms, core, ocsp, x509
from asn1crypto import crl as asn1_crl

from ebrvt_connect.transport.signing_cms import run_steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pyhanko.sign.timestamps import TimeStamper

_ARCHIVE_STAMP = "0.4.0.1733.2.4"
_HASH_INDEX = "0.4.0.19122.1.5"
_OCSP_RESPONSE = "1.3.6.1.5.5.7.16.2"


class _Digests(core.SequenceOf):  # type: ignore[misc]
    _child_spec = core.OctetString


class HashIndex(core.Sequence):  # type: ignore[misc]
    """ATSHashIndexV3 (EN 319 122-1, annex D)."""

    _fields = [  # noqa: RUF012 - asn1crypto's way
        ("algorithm", algos.DigestAlgorithm),
        ("certificates", _Digests),
        ("crls", _Digests),
        ("values", _Digests),
    ]


def with_validation_data(
    data: bytes,
    *,
    certificates: Iterable[bytes] = (),
    crls: Iterable[bytes] = (),
    ocsps: Iterable[bytes] = (),
) -> bytes:
    """A CMS file (DER) with evidence in it, all DER too: CAdES B-LT, where the signature is stamped."""
    content = _signed_data(data)
    held = {c.chosen.dump(): c for c in content["certificates"]}
    for der in certificates:
        held.setdefault(der, cms.CertificateChoices("certificate", x509.Certificate.load(der)))
    content["certificates"] = cms.CertificateSet(list(held.values()))
    lists = _members(content["crls"])
    lists += [cms.RevocationInfoChoice("crl", asn1_crl.CertificateList.load(der)) for der in crls]
    for der in ocsps:
        other = {"other_rev_info_format": _OCSP_RESPONSE, "other_rev_info": ocsp.OCSPResponse.load(der)}
        lists.append(cms.RevocationInfoChoice("other", cms.OtherRevocationInfoFormat(other)))
    if lists:
        content["crls"] = cms.RevocationInfoChoices(lists)
    return _file_of(content)


def with_archive_timestamp(
    data: bytes,
    timestamper: TimeStamper,
    *,
    content: bytes | None = None,
    digest: str = "sha256",
    signer: int = 0,
    change_index: Callable[[HashIndex], None] | None = None,
) -> bytes:
    """A CMS file (DER) with one more archive-time-stamp-v3 over all there is: CAdES B-LTA.

    `content` is that of a detached signature, `signer` the place of the one that is stamped. `change_index`
    may spoil the index before it is stamped, for files that must be refused.
    """
    whole = _signed_data(data)
    info = whole["signer_infos"][signer]
    index = _index_of(whole, info, digest)
    if change_index is not None:
        change_index(index)
    signed = whole["encap_content_info"]["content"].native if content is None else content
    fields = ("version", "sid", "digest_algorithm", "signed_attrs", "signature_algorithm", "signature")
    about = [
        whole["encap_content_info"]["content_type"].dump(force=True),
        hashlib.new(digest, signed).digest(),
        *(info[field].dump(force=True) for field in fields),
        index.dump(force=True),
    ]
    imprint = hashlib.new(digest, b"".join(about)).digest()
    token = run_steps(timestamper.async_timestamp(imprint, digest))
    _add(token["content"]["signer_infos"][0], _HASH_INDEX, index)
    _add(info, _ARCHIVE_STAMP, cms.ContentInfo.load(token.dump()))
    return _file_of(whole)


def _index_of(whole: cms.SignedData, info: cms.SignerInfo, digest: str) -> HashIndex:
    def digests(values: Iterable[bytes]) -> list[bytes]:
        return [hashlib.new(digest, value).digest() for value in values]

    unsigned = _members(info["unsigned_attrs"])
    lists = _members(whole["crls"])
    return HashIndex(
        {
            "algorithm": {"algorithm": digest},
            "certificates": digests(c.dump() for c in whole["certificates"]),
            "crls": digests(c.dump() for c in lists),
            "values": digests(a["type"].dump() + v.dump() for a in unsigned for v in a["values"]),
        }
    )


def _add(info: cms.SignerInfo, oid: str, value: core.Asn1Value) -> None:
    """One more unsigned attribute, behind those there are."""
    present = _members(info["unsigned_attrs"])
    info["unsigned_attrs"] = cms.CMSAttributes([*present, cms.CMSAttribute({"type": oid, "values": [value]})])


def _members(field: core.Asn1Value) -> list[core.Asn1Value]:
    """What stands in an optional set."""
    return [] if isinstance(field, core.Void) else list(field)


def _signed_data(data: bytes) -> cms.SignedData:
    return cms.ContentInfo.load(data)["content"]


def _file_of(content: cms.SignedData) -> bytes:
    return bytes(cms.ContentInfo({"content_type": "signed_data", "content": content}).dump())
