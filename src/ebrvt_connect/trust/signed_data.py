"""CMS signed data as a signature carries it: shape checked, certificates and attributes taken out.

The rules are stricter than RFC 5652: DER with nothing but zero padding behind it, exactly one signer,
signed attributes with each mandatory one exactly once, and no content inside where it should be outside.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from asn1crypto import cms, core, parser, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.sign.general import check_ess_certid

from ebrvt_connect.trust import findings, level_findings
from ebrvt_connect.trust.catalogue import Refused
from ebrvt_connect.trust.chain import SHAKE_SIGNATURES
from ebrvt_connect.trust.cms_structure import is_strictly_built
from ebrvt_connect.trust.der_count import has_more_than
from ebrvt_connect.trust.remembered import read_certificate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

_MOST_CERTIFICATES = 100
_MOST_ATTRIBUTES = 100
_MOST_TIMESTAMPS = 10
_SHA1_BYTES = 20
_CONTENT_STAMP = "1.2.840.113549.1.9.16.2.20"
SIGNATURE_STAMP = "1.2.840.113549.1.9.16.2.14"
ARCHIVE_STAMP = "0.4.0.1733.2.4"
ARCHIVE_STAMP_NAME = "archive-time-stamp-v3"
_LATER_STAMPS = {
    ARCHIVE_STAMP: ARCHIVE_STAMP_NAME,
    "1.2.840.113549.1.9.16.2.48": "archive-time-stamp-v2",
    "1.2.840.113549.1.9.16.2.27": "archive-time-stamp",
    "0.4.0.1733.2.2": "long-term-validation",
    "1.2.840.113549.1.9.16.2.25": "CAdES-C-timestamp",
    "1.2.840.113549.1.9.16.2.26": "time-stamped-certs-crls-references",
    "1.3.6.1.4.1.311.3.3.1": "Microsoft RFC 3161 counterSign",
}
"""Unsigned attributes that hold timestamps over more than the signature value."""
_KNOWN_UNSIGNED = frozenset(
    {
        "1.2.840.113549.1.9.6",  # countersignature
        SIGNATURE_STAMP,
        "1.2.840.113549.1.9.16.2.21",  # CAdES: references to certificates and lists
        "1.2.840.113549.1.9.16.2.22",
        "1.2.840.113549.1.9.16.2.44",
        "1.2.840.113549.1.9.16.2.45",
        "1.2.840.113549.1.9.16.2.23",  # CAdES: certificates and lists themselves
        "1.2.840.113549.1.9.16.2.24",
        "1.2.840.113583.1.1.8",  # Adobe: lists and answers
        *_LATER_STAMPS,
    }
)
"""What may be added to a signature after it was made."""


class CmsMalformed(Refused):
    """Signed data that is not what it must be; `code` is a finding, `reason_vi` a word for its sentence."""

    def __init__(self, reason_vi: str, code: str = findings.CMS_MALFORMED) -> None:
        """`reason_vi` completes "Khối dữ liệu chữ ký sai cấu trúc (...)"."""
        super().__init__(code, reason=reason_vi)
        self.reason_vi = reason_vi


@dataclass(frozen=True, slots=True)
class SignedData:
    """One signer's signed data, with its certificates as values."""

    content: cms.SignedData
    signer_info: cms.SignerInfo
    leaf: x509.Certificate
    others: tuple[x509.Certificate, ...]
    about: str = ""
    """The digest that the content itself is, where the format has one there: `sha1`."""

    @property
    def digest(self) -> str:
        """What the signature rests on: the digest its content is, else the signer's digest algorithm."""
        return self.about or self.signer_digest

    @property
    def signer_digest(self) -> str:
        """The signer's digest algorithm: `sha256`."""
        return str(self.signer_info["digest_algorithm"]["algorithm"].native).lower()

    @property
    def mechanism(self) -> str:
        """How it was signed: `rsassa_pkcs1v15`, `rsassa_pss`, `ecdsa`."""
        algorithm = self.signer_info["signature_algorithm"]
        try:
            return str(algorithm.signature_algo)
        except ValueError:
            return str(algorithm["algorithm"].native)

    @property
    def names_its_certificate(self) -> bool:
        """Whether the signed attributes bind the certificate (signing-certificate, v1 or v2)."""
        return bool({"signing_certificate", "signing_certificate_v2"} & set(self._attribute_names()))

    def claimed_time(self) -> datetime | None:
        """The signingTime attribute, aware; None when absent or unreadable."""
        times = list(self._values("signing_time"))
        moment: datetime | None = times[0].native if len(times) == 1 else None
        return moment

    def timestamp_tokens(self) -> tuple[cms.SignedData, ...]:
        """The signature timestamps among the unsigned attributes: made after signing."""
        return _tokens(self.unsigned(SIGNATURE_STAMP))

    def content_tokens(self) -> tuple[cms.SignedData, ...]:
        """The content timestamps among the signed attributes: made before signing."""
        return _tokens(self.signed(_CONTENT_STAMP))

    def later_timestamps(self) -> tuple[str, ...]:
        """Names of the kinds of timestamps it has over more than the signature value."""
        present = {a["type"].dotted for a in self._unsigned_attributes()}
        return tuple(name for oid, name in _LATER_STAMPS.items() if oid in present)

    def strange_attributes(self) -> tuple[str, ...]:
        """Unsigned attributes of no known kind, by their OID: they may hold anything."""
        present = (a["type"].dotted for a in self._unsigned_attributes())
        return tuple(dict.fromkeys(oid for oid in present if oid not in _KNOWN_UNSIGNED))

    def unsigned(self, oid: str) -> Iterator[cms.Any]:
        """The values of an unsigned attribute."""
        return (v for a in self._unsigned_attributes() if a["type"].dotted == oid for v in a["values"])

    def signed(self, oid: str) -> Iterator[cms.Any]:
        """The values of a signed attribute."""
        return (v for a in self.signer_info["signed_attrs"] if a["type"].dotted == oid for v in a["values"])

    @property
    def message_digest(self) -> bytes:
        """What the signer says the content's digest is."""
        value: bytes = next(iter(self._values("message_digest"))).native
        return value

    @property
    def is_countersigned(self) -> bool:
        """Whether somebody signed this signature (an unsigned attribute)."""
        return any(a["type"].native == "counter_signature" for a in self._unsigned_attributes())

    def _unsigned_attributes(self) -> Iterable[cms.CMSAttribute]:
        attributes = self.signer_info["unsigned_attrs"]
        return () if _absent(attributes) else attributes

    def _attribute_names(self) -> Iterator[str]:
        return (a["type"].native for a in self.signer_info["signed_attrs"])

    def _values(self, name: str) -> Iterator[cms.Any]:
        for attribute in self.signer_info["signed_attrs"]:
            if attribute["type"].native == name:
                yield from attribute["values"]


def read_contents(contents: bytes, *, timestamp: bool) -> SignedData:
    """Signed data from a PDF's /Contents: DER, then zeros. Raises `CmsMalformed`."""
    content = load_signed_data(contents, padding=b"\0")
    try:
        return read_signed_data(content, timestamp=timestamp)
    except (ValueError, TypeError, KeyError) as failure:
        raise CmsMalformed("không giải mã được") from failure


def read_sha1_contents(contents: bytes) -> tuple[SignedData, bytes]:
    """Signed data whose content is a SHA-1 (adbe.pkcs7.sha1), and that digest. Raises `CmsMalformed`."""
    content = load_signed_data(contents, padding=b"\0")
    try:
        inside = content_inside(content)
        if inside is None or len(inside) != _SHA1_BYTES or len(content["signer_infos"]) != 1:
            raise CmsMalformed("nội dung không phải một giá trị SHA-1")
        return replace(signed_by_one(content, content["signer_infos"][0]), about="sha1"), inside
    except (ValueError, TypeError, KeyError) as failure:
        raise CmsMalformed("không giải mã được") from failure


def load_signed_data(data: bytes, *, padding: bytes = b"") -> cms.SignedData:
    """The SignedData of a ContentInfo with nothing but `padding` behind it. Raises `CmsMalformed`."""
    try:
        length = parser.peek(data)
    except ValueError as failure:
        raise CmsMalformed("không phải DER") from failure
    rest = data[length:]
    if rest and (not padding or rest.strip(padding)):
        raise CmsMalformed("có dữ liệu lạ sau chữ ký")
    if not is_strictly_built(data[:length]):
        raise CmsMalformed("cấu trúc có thành phần thừa")
    try:
        info = cms.ContentInfo.load(data[:length])
        if info["content_type"].native != "signed_data":
            raise CmsMalformed("không phải SignedData")
        content = info["content"]
        content["signer_infos"]  # reads the outer structure now, where a fault can be told
    except (ValueError, TypeError, KeyError) as failure:
        raise CmsMalformed("không giải mã được") from failure
    return content


def signed_by_one(content: cms.SignedData, signer: cms.SignerInfo) -> SignedData:
    """One of several signers by itself, as if the content stood elsewhere. Raises as `read_signed_data`."""
    fields = {
        "version": content["version"],
        "digest_algorithms": content["digest_algorithms"],
        "encap_content_info": {"content_type": content["encap_content_info"]["content_type"].native},
        "signer_infos": cms.SignerInfos([signer]),
    }
    fields.update({name: content[name] for name in ("certificates", "crls") if not _absent(content[name])})
    return read_signed_data(cms.SignedData(fields), timestamp=False)


def content_inside(content: cms.SignedData) -> bytes | None:
    """The content a CMS file carries; None when it stands elsewhere. Raises `CmsMalformed`."""
    inside = content["encap_content_info"]["content"]
    if _absent(inside):
        return None
    if not isinstance(inside, (core.OctetString, core.ParsableOctetString)):
        raise CmsMalformed("sai loại nội dung")
    return bytes(inside)


def read_signed_data(content: cms.SignedData, *, timestamp: bool) -> SignedData:
    """Check the shape; raises `CmsMalformed`, and what asn1crypto raises on broken encodings."""
    signers = content["signer_infos"]
    if len(signers) != 1:
        raise CmsMalformed(f"có {len(signers)} người ký trong một chữ ký")
    signer = signers[0]
    inside = content["encap_content_info"]
    if inside["content_type"].native != ("tst_info" if timestamp else "data"):
        raise CmsMalformed("sai loại nội dung")
    if _absent(inside["content"]) == timestamp:
        raise CmsMalformed("nội dung nằm sai chỗ")
    _check_attributes(signer, "tst_info" if timestamp else "data")
    _check_algorithms(signer)
    certificates = _certificates(content)
    leaf = _signer_certificate(signer, certificates)
    _check_named_certificate(signer, leaf)
    return SignedData(content, signer, leaf, tuple(c for c in certificates if c != leaf))


def timestamp_info(content: cms.SignedData) -> tsp.TSTInfo:
    """What a timestamp token says; raises `CmsMalformed`."""
    info = content["encap_content_info"]["content"].parsed
    if not isinstance(info, tsp.TSTInfo):
        raise CmsMalformed("không phải dấu thời gian")
    return info


def _tokens(values: Iterable[cms.Any]) -> tuple[cms.SignedData, ...]:
    """The tokens of an attribute, the first ten; raises what asn1crypto raises for others."""
    found = (_token(value) for value in values)
    return tuple(token for token, _ in zip(found, range(_MOST_TIMESTAMPS), strict=False))


def _token(value: cms.Any) -> cms.SignedData:
    if not is_strictly_built(value.dump()):
        raise ValueError("a timestamp token with members of no place")
    return value["content"]


def _check_attributes(signer: cms.SignerInfo, content_type: str) -> None:
    attributes = signer["signed_attrs"]
    if _absent(attributes):
        raise CmsMalformed("thiếu thuộc tính được ký")
    for field in ("signed_attrs", "unsigned_attrs"):
        if not _absent(signer[field]) and has_more_than(_MOST_ATTRIBUTES, signer[field].contents):
            raise CmsMalformed("quá nhiều thuộc tính")
    names = [a["type"].native for a in attributes]
    for wanted in ("content_type", "message_digest"):
        if names.count(wanted) != 1:
            raise CmsMalformed(f"thuộc tính {wanted} không xuất hiện đúng một lần")
    # RFC 5652, 11: one signing time, one digest. So of the rest, but for timestamps (EN 319 122-1, 5.2.8).
    once = [a["type"].dotted for a in attributes if a["type"].dotted != _CONTENT_STAMP]
    if len(set(once)) != len(once):
        raise CmsMalformed("một thuộc tính được ký xuất hiện hai lần")
    values = {a["type"].native: a["values"] for a in attributes}
    if any(len(values[wanted]) != 1 for wanted in ("content_type", "message_digest")):
        raise CmsMalformed("thuộc tính bắt buộc có nhiều giá trị")
    if values["content_type"][0].native != content_type:
        raise CmsMalformed("thuộc tính content_type sai")


def _check_algorithms(signer: cms.SignerInfo) -> None:
    """SHAKE is permitted, and no library at hand verifies signatures that rest on it."""
    written = signer["signature_algorithm"]["algorithm"]
    digest = str(signer["digest_algorithm"]["algorithm"].native)
    if name := SHAKE_SIGNATURES.get(written.dotted):
        raise CmsMalformed(name, level_findings.ALGORITHM_NOT_CHECKED)
    if digest.startswith("shake") and written.native in {"rsassa_pkcs1v15", "rsassa_pss", "ecdsa"}:
        raise CmsMalformed(digest.upper(), level_findings.ALGORITHM_NOT_CHECKED)


def _check_named_certificate(signer: cms.SignerInfo, leaf: x509.Certificate) -> None:
    """Both signing-certificate attributes name the signer's: of two, pyHanko looks at the newer only."""
    named = {a["type"].native: a["values"] for a in signer["signed_attrs"]}
    old = named.get("signing_certificate")
    if old is None or "signing_certificate_v2" not in named:
        return
    if len(old) != 1 or not len(old[0]["certs"]):
        raise CmsMalformed("thuộc tính signing_certificate sai")
    certificate = asn1_x509.Certificate.load(leaf.public_bytes(Encoding.DER))
    if not check_ess_certid(certificate, old[0]["certs"][0]):
        raise CmsMalformed("chứng thư", findings.SIGNER_CERTIFICATE_MISMATCH)


def _certificates(content: cms.SignedData) -> tuple[x509.Certificate, ...]:
    field = content["certificates"]
    if _absent(field):
        return ()
    if has_more_than(_MOST_CERTIFICATES, field.contents):
        raise CmsMalformed("quá nhiều chứng thư số")
    raw = (choice.chosen.dump() for choice in field if choice.name == "certificate")
    return tuple(dict.fromkeys(read_certificate(der) for der in raw))


def _signer_certificate(
    signer: cms.SignerInfo, certificates: tuple[x509.Certificate, ...]
) -> x509.Certificate:
    """The certificate the signer identifier names, by issuer and serial or by subject key identifier."""
    sid = signer["sid"]
    for certificate in certificates:
        if sid.name == "issuer_and_serial_number":
            named = (sid.chosen["issuer"].dump(), sid.chosen["serial_number"].native)
            if named == (certificate.issuer.public_bytes(), certificate.serial_number):
                return certificate
        elif _key_identifier(certificate) == sid.chosen.native:
            return certificate
    raise CmsMalformed("thiếu chứng thư", findings.SIGNER_CERTIFICATE_MISSING)


def _absent(field: core.Asn1Value) -> bool:
    """Whether an optional field is not there (`.native` would tell too, but decodes all that is below)."""
    return isinstance(field, core.Void)


def _key_identifier(certificate: x509.Certificate) -> bytes | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except (x509.ExtensionNotFound, ValueError):
        return None
