"""The sandbox PKI (hạ tầng khóa thử nghiệm): real keys and certificates of a province that does not exist.

A root, an authority for agencies, an authority for timestamps, an OCSP responder; for each agency a
leader's key and the agency's seal; and what must be refused: a root of the same name that nobody
pinned, revoked, expired, not yet valid and weak certificates, one that is registered for nobody.
Certificates run from 2015 to 2049, names are fixed.

All of it is cached in a folder that appears whole or not at all, so a start killed midway does no harm.
Beside the keys stands `trust/`, a trust folder as the daemon reads it. The keys open nothing but the
sandbox and are not protected.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, get_args

from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.testing.pki_issue import Identity
from ebrvt_connect.testing.pki_make import MADE_FOR, Flavour, entry, fill
from ebrvt_connect.transport.signers import KeySigner
from ebrvt_connect.trust.verdict import SignatureRole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cryptography import x509

    from ebrvt_connect.testing.timestamp_authority import TimestampAuthority
    from ebrvt_connect.trust.anchors import TrustStore

SANDBOX_AGENCIES: Mapping[str, str] = {
    "000.00.00.H06": "Ủy ban nhân dân tỉnh (mẫu)",
    "000.00.15.H06": "Sở Thông tin và Truyền thông (mẫu)",
    "000.00.08.H06": "Sở Nội vụ (mẫu)",
    "000.00.00.G22": "Văn phòng Chính phủ (mẫu)",
    "000.00.00.G14": "Bộ Thông tin và Truyền thông (mẫu)",
    "000.00.00.G09": "Bộ Nội vụ (mẫu)",
    "000.00.00.H19": "Ủy ban nhân dân tỉnh Đồng Nai (mẫu)",
}
"""Agencies of the sandbox, in QCVN 102 spelling."""


@dataclass(frozen=True)
class SandboxPki:
    """The sandbox's keys and certificates, in a folder; `open` makes it or takes it up."""

    folder: Path
    _signers: dict[str, KeySigner] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def open(cls, folder: Path, agencies: Mapping[str, str] = SANDBOX_AGENCIES) -> SandboxPki:
        """Take up the folder, or make it anew when it does not know all of the agencies (some seconds).

        `agencies` are names by code in either official spelling. Raises `InvalidValue` for a text that
        is no agency code, `OSError` when the folder cannot be written.
        """
        wanted = {AgencyCode.parse(code).qcvn102: name for code, name in agencies.items()}
        if not wanted.items() <= _made_for(folder).items():
            _make(folder, wanted)
        return cls(folder)

    @property
    def trust_folder(self) -> Path:
        """Anchors with their pins, revocation lists, register of signers: as `[trust] folder` wants it."""
        return self.folder / "trust"

    def trust_store(self) -> TrustStore:
        """The trust folder, loaded."""
        from ebrvt_connect.transport.trust_folder import load_trust_folder

        return load_trust_folder(self.trust_folder)

    def signer(
        self, agency_code: str, *, role: SignatureRole | str = SignatureRole.AGENCY, flavour: Flavour = "good"
    ) -> KeySigner:
        """The key of an agency's leader (`person`) or its seal (`agency`), or a flawed one of that name.

        Raises `KeyError` for an agency, role or flavour that the sandbox does not have.
        """
        if flavour not in get_args(Flavour):
            raise KeyError(flavour)
        name = entry(AgencyCode.parse(agency_code).qcvn102, SignatureRole(role), flavour)
        return self._signer(name)

    def timestamp_authority(self, *, impostor: bool = False) -> TimestampAuthority:
        """The sandbox's timestamp authority: stamps within the process, and answers RFC 3161 requests."""
        from ebrvt_connect.testing.timestamp_authority import TimestampAuthority

        return TimestampAuthority(self._signer("impostor-tsa" if impostor else "tsa"))

    def identity(self, name: str) -> Identity:
        """A certificate and key by its file: `root`, `issuer`, `tsa`, `ocsp`, ...; raises `KeyError`."""
        try:
            return Identity.from_pem((self.folder / "keys" / f"{name}.pem").read_bytes())
        except FileNotFoundError as failure:
            raise KeyError(name) from failure

    def certificate_sha256(self, agency_code: str) -> str:
        """By what a register knows an agency's seal (hex); raises `KeyError` as `signer`."""
        name = entry(AgencyCode.parse(agency_code).qcvn102, SignatureRole.AGENCY, "good")
        return self.identity(name).certificate.fingerprint(SHA256()).hex()

    def _signer(self, name: str) -> KeySigner:
        if name not in self._signers:
            identity = self.identity(name)
            leaf, *chain = (_asn1(c) for c in (identity.certificate, *identity.chain))
            self._signers[name] = KeySigner(leaf, identity.key, chain)
        return self._signers[name]


def _made_for(folder: Path) -> dict[str, str]:
    """The agencies a complete folder was made for; none when it is not there or not complete."""
    with suppress(FileNotFoundError, ValueError):
        made: dict[str, str] = json.loads((folder / MADE_FOR).read_text("utf-8"))
        return made
    return {}


def _make(folder: Path, agencies: Mapping[str, str]) -> None:
    """Fill a folder beside the place and move it there; whoever comes second takes the first one's."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.parent / tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent)
    try:
        fill(draft, agencies)
        if folder.exists() and not agencies.items() <= _made_for(folder).items():
            shutil.rmtree(folder)
        with suppress(OSError):
            os.rename(draft, folder)  # noqa: PTH104 - replaces an empty folder, refuses a filled one
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    if not agencies.items() <= _made_for(folder).items():
        raise OSError(f"the sandbox's keys could not be put in {folder}")


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
