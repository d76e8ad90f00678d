"""Filling the folder of the sandbox PKI: keys, certificates, revocation lists, register."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, get_args

from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from ebrvt_connect.testing.pki_issue import (
    VALID_FROM,
    VALID_TO,
    Identity,
    Request,
    issue,
    new_key,
    revocation_list,
)
from ebrvt_connect.trust.anchors import sha256_of
from ebrvt_connect.trust.verdict import SignatureRole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cryptography import x509

Flavour = Literal["good", "impostor", "revoked", "expired", "future", "weak", "unlisted"]
"""What is the matter with a signer: `impostor` hangs under a root of the same name that nobody pinned,
`weak` has an RSA key of 1,024 bits, `unlisted` is sound but stands in nobody's register."""

ROLES = (SignatureRole.PERSON, SignatureRole.AGENCY)
MADE_FOR = "made-for.json"
"""Written last: a folder with it is complete."""
_LISTED: tuple[Flavour, ...] = ("good", "revoked", "expired", "future", "weak")
_LEADER_TITLES = ("Chủ tịch", "Giám đốc", "Giám đốc", "Chánh Văn phòng", "Bộ trưởng")
_LEADERS = ("Nguyễn Văn Mẫu", "Trần Thị Ví Dụ", "Lê Minh Thử", "Phạm Thu Nghiệm", "Đỗ Hữu Giả")
_ROOT = Request("Cơ quan chứng thực gốc (mẫu)", authority=True, path_length=1)
_ISSUER = Request("Cơ quan cấp chứng thư cho cơ quan nhà nước (mẫu)", authority=True, path_length=0)
_TSA_ISSUER = Request("Cơ quan cấp dấu thời gian (mẫu)", authority=True, path_length=0)
_TSA = Request("Máy chủ cấp dấu thời gian (mẫu)", purpose=ExtendedKeyUsageOID.TIME_STAMPING)
_OCSP = Request("Máy chủ trả lời OCSP (mẫu)", purpose=ExtendedKeyUsageOID.OCSP_SIGNING)
_WEAK_BITS = 1024


def entry(code: str, role: SignatureRole, flavour: Flavour) -> str:
    """The name of a signer's file."""
    return f"{code}-{role}-{flavour}"


def fill(folder: Path, agencies: Mapping[str, str]) -> None:
    """Make everything in an empty folder (some seconds); `agencies` are names by QCVN 102 code."""
    authorities = _authorities()
    signers = _signers(agencies, authorities)
    keys = folder / "keys"
    keys.mkdir()
    for name, identity in {**authorities, **signers}.items():
        (keys / f"{name}.pem").write_bytes(identity.to_pem())
        (keys / f"{name}.pem").chmod(0o600)
    _write_trust(folder / "trust", agencies, authorities, signers)
    (folder / MADE_FOR).write_text(json.dumps(dict(agencies), ensure_ascii=False), "utf-8")


def _authorities() -> dict[str, Identity]:
    root, impostor = issue(_ROOT), issue(_ROOT)
    issuer, impostor_issuer = issue(_ISSUER, root), issue(_ISSUER, impostor)
    tsa_issuer = issue(_TSA_ISSUER, root)
    return {
        "root": root,
        "issuer": issuer,
        "tsa-issuer": tsa_issuer,
        "tsa": issue(_TSA, tsa_issuer),
        "ocsp": issue(_OCSP, issuer),
        "impostor-root": impostor,
        "impostor-issuer": impostor_issuer,
        "impostor-tsa": issue(_TSA, issue(_TSA_ISSUER, impostor)),
    }


def _signers(agencies: Mapping[str, str], authorities: Mapping[str, Identity]) -> dict[str, Identity]:
    """Each agency's leader and seal in every flavour; a signer's own flavours share its key, to save time."""
    impostor_key, weak_key = new_key(), new_key(_WEAK_BITS)
    made = {}
    for place, (code, organization) in enumerate(agencies.items()):
        for role in ROLES:
            own_key = new_key()
            for flavour in get_args(Flavour):
                key = {"impostor": impostor_key, "weak": weak_key}.get(flavour, own_key)
                authority = authorities["impostor-issuer" if flavour == "impostor" else "issuer"]
                request = _request(place, organization, role, flavour)
                made[entry(code, role, flavour)] = issue(request, authority, key)
    return made


def _request(place: int, organization: str, role: SignatureRole, flavour: Flavour) -> Request:
    leader = role is SignatureRole.PERSON
    return Request(
        common_name=_LEADERS[place % len(_LEADERS)] if leader else organization,
        organization=organization,
        title=_LEADER_TITLES[place % len(_LEADER_TITLES)] if leader else "",
        valid_from=VALID_TO.replace(year=2048) if flavour == "future" else VALID_FROM,
        valid_to=VALID_FROM.replace(year=2018) if flavour == "expired" else VALID_TO,
    )


def _write_trust(
    folder: Path,
    agencies: Mapping[str, str],
    authorities: Mapping[str, Identity],
    signers: Mapping[str, Identity],
) -> None:
    root = authorities["root"].certificate
    revoked = [i.certificate for name, i in signers.items() if name.endswith("-revoked")]
    files = {
        "government/root.crt": _pem(root),
        "tsa/root.crt": _pem(root),
        "intermediate/issuer.crt": _pem(authorities["issuer"].certificate),
        "intermediate/tsa-issuer.crt": _pem(authorities["tsa-issuer"].certificate),
        "crl/root.crl": revocation_list(authorities["root"], ()),
        "crl/issuer.crl": revocation_list(authorities["issuer"], revoked),
        "crl/tsa-issuer.crl": revocation_list(authorities["tsa-issuer"], ()),
        "pins.toml": _pins(root).encode(),
        "signers.toml": _register(agencies, signers).encode(),
    }
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


def _pins(root: x509.Certificate) -> str:
    return "# Chứng thư gốc được tin cậy, ghim theo SHA-256 (hộp cát).\n" + "".join(
        f'\n[[pin]]\nsha256 = "{sha256_of(root)}"\nbranch = "{branch}"\nsource = "sinh tự động cho hộp cát"\n'
        for branch in ("government", "tsa")
    )


def _register(agencies: Mapping[str, str], signers: Mapping[str, Identity]) -> str:
    lines = [
        f'[[signer]]\nsha256 = "{sha256_of(signers[entry(code, role, flavour)].certificate)}"\n'
        f'agency = "{code}"\nrole = "{role}"\nfrom = {VALID_FROM:%Y-%m-%d}\nnote = "{title}, {flavour}"\n'
        for code, title in agencies.items()
        for role in ROLES
        for flavour in _LISTED
    ]
    return "# Sổ đăng ký người ký (hộp cát); mọi tên đều hư cấu.\n\n" + "\n".join(lines)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
