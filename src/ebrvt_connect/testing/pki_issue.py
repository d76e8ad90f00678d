"""Making the certificates and revocation lists of the sandbox PKI; real X.509, fictional people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

if TYPE_CHECKING:
    from collections.abc import Iterable

VALID_FROM = datetime(2015, 1, 1, tzinfo=UTC)
VALID_TO = datetime(2049, 12, 31, tzinfo=UTC)
REVOKED_AT = datetime(2016, 1, 1, tzinfo=UTC)
"""When the revoked certificates were revoked."""
CRL_ISSUED_AT = datetime(2016, 2, 1, tzinfo=UTC)
"""When the revocation lists were made; they are current until `VALID_TO`."""
_KEY_BITS = 2048


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate, its key and the certificates above it, nearest first (without the root)."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey
    chain: tuple[x509.Certificate, ...] = ()

    def to_pem(self) -> bytes:
        """Key first, then the certificate and its chain."""
        key = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        certificates = (self.certificate, *self.chain)
        return key + b"".join(c.public_bytes(serialization.Encoding.PEM) for c in certificates)

    @classmethod
    def from_pem(cls, content: bytes) -> Identity:
        """Read what `to_pem` wrote; raises `ValueError` for anything else."""
        # Our own file: the consistency check would cost 50 ms a key, twenty keys at every start.
        key = serialization.load_pem_private_key(content, None, unsafe_skip_rsa_key_validation=True)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ValueError(f"sandbox key: got {type(key).__name__}, expected RSA")  # noqa: TRY004 - a bad file
        leaf, *chain = x509.load_pem_x509_certificates(content)
        return cls(leaf, key, tuple(chain))


@dataclass(frozen=True, slots=True)
class Request:
    """What a certificate shall say."""

    common_name: str
    organization: str = "Tỉnh Mẫu (dữ liệu giả lập)"
    unit: str = ""
    title: str = ""
    authority: bool = False
    path_length: int | None = None
    purpose: x509.ObjectIdentifier | None = None
    valid_from: datetime = VALID_FROM
    valid_to: datetime = VALID_TO
    ocsp_url: str = ""
    """Where it says its responder is (authorityInfoAccess)."""
    crl_url: str = ""
    """Where it says its issuer's list lies (cRLDistributionPoints)."""
    no_check: bool = False
    """A responder's own certificate that nobody need ask after (id-pkix-ocsp-nocheck)."""

    @property
    def name(self) -> x509.Name:
        """The subject's distinguished name."""
        parts = (
            (NameOID.COUNTRY_NAME, "VN"),
            (NameOID.ORGANIZATION_NAME, self.organization),
            (NameOID.ORGANIZATIONAL_UNIT_NAME, self.unit),
            (NameOID.TITLE, self.title),
            (NameOID.COMMON_NAME, self.common_name),
        )
        return x509.Name([x509.NameAttribute(oid, text) for oid, text in parts if text])


def new_key(bits: int = _KEY_BITS) -> rsa.RSAPrivateKey:
    """A new RSA key."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def issue(request: Request, issuer: Identity | None = None, key: rsa.RSAPrivateKey | None = None) -> Identity:
    """A certificate, for a new key unless one is given; without an issuer it signs itself (a root)."""
    key = key or new_key()
    signing_key = key if issuer is None else issuer.key
    builder = (
        x509.CertificateBuilder()
        .subject_name(request.name)
        .issuer_name(request.name if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(request.valid_from)
        .not_valid_after(request.valid_to)
        .add_extension(
            x509.BasicConstraints(ca=request.authority, path_length=request.path_length), critical=True
        )
        .add_extension(_usage(request), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False
        )
    )
    if request.purpose is not None:
        critical = request.purpose == ExtendedKeyUsageOID.TIME_STAMPING
        builder = builder.add_extension(x509.ExtendedKeyUsage([request.purpose]), critical=critical)
    for extension in _addresses(request):
        builder = builder.add_extension(extension, critical=False)
    certificate = builder.sign(signing_key, hashes.SHA256())
    return Identity(certificate, key, _chain_below(issuer))


def _addresses(request: Request) -> Iterable[x509.ExtensionType]:
    """Where its status can be asked for, as far as the request names it."""
    if request.ocsp_url:
        responder = x509.UniformResourceIdentifier(request.ocsp_url)
        yield x509.AuthorityInformationAccess(
            [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, responder)]
        )
    if request.crl_url:
        names = [x509.UniformResourceIdentifier(request.crl_url)]
        yield x509.CRLDistributionPoints([x509.DistributionPoint(names, None, None, None)])
    if request.no_check:
        yield x509.OCSPNoCheck()


def revocation_list(
    issuer: Identity,
    revoked: Iterable[x509.Certificate],
    *,
    issued_at: datetime = CRL_ISSUED_AT,
    next_at: datetime = VALID_TO,
    revoked_at: datetime = REVOKED_AT,
    reason: x509.ReasonFlags = x509.ReasonFlags.key_compromise,
) -> bytes:
    """A certificate revocation list (DER) of `issuer`."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(issued_at)
        .next_update(next_at)
        .add_extension(x509.CRLNumber(int(issued_at.timestamp())), critical=False)
    )
    for certificate in revoked:
        entry = (
            x509.RevokedCertificateBuilder()
            .serial_number(certificate.serial_number)
            .revocation_date(revoked_at)
            .add_extension(x509.CRLReason(reason), critical=False)
            .build()
        )
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def _chain_below(issuer: Identity | None) -> tuple[x509.Certificate, ...]:
    """The issuer and what stands above it, without the self-signed root."""
    if issuer is None:
        return ()
    return tuple(c for c in (issuer.certificate, *issuer.chain) if c.issuer != c.subject)


def _usage(request: Request) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not request.authority,
        content_commitment=not request.authority and request.purpose is None,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=request.authority,
        crl_sign=request.authority,
        encipher_only=False,
        decipher_only=False,
    )
