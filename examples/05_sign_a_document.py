"""Sign a letter as the leader, seal it as the agency, mark a copy, and verify what came out.

Who holds the keys is told apart in `keys` only: the leader's lies at a (simulated) remote signing
service, the agency's in a PKCS#12 file. A key in a token is `Pkcs11Signer(TokenSettings(...), pin)`; see
`docs/operate/signing.md`. Real use is `issue`; the rest makes throw-away keys and a service. The copy is
marked with the agency's seal, which the register knows as `agency`: so its role is told; a seal that copies
is registered as `copy`, too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from ebrvt_connect.api import VN_2025, load_trust_folder, sign_cms, sign_pdf, verify
from ebrvt_connect.ports.signer import Signer
from ebrvt_connect.testing.pki import SandboxPki
from ebrvt_connect.testing.remote_signing_service import HeldKey, RemoteSigningService
from ebrvt_connect.testing.sample_pdf import Letter, letter_pdf
from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.transport.credentials import TokenOrPassword
from ebrvt_connect.transport.http import HttpSettings, HttpTransport
from ebrvt_connect.transport.remote_signing import RemoteSigner, RemoteSigningSettings
from ebrvt_connect.transport.signers import KeySigner
from ebrvt_connect.transport.signing_appearance import AppearanceRules

AGENCY, NAME = "000.00.15.H06", "Sở Thông tin và Truyền thông (mẫu)"
PIN, PASSWORD = "246813", b"chi-mo-khoa-thu"


def issue(pdf: bytes, leader: Signer, seal: Signer, now: datetime) -> bytes:
    """The leader signs first, then the agency; a copy bears its form in the top right corner."""
    pdf = sign_pdf(pdf, leader, role="person", signed_at=now)
    pdf = sign_pdf(pdf, seal, role="agency", signed_at=now)
    mark = AppearanceRules.packaged().mark_of_copy("SAO Y", NAME)
    return sign_pdf(pdf, seal, role="copy", signed_at=now, appearance=mark)


def main(folder: Path, leader: Signer, seal: Signer) -> None:
    """Sign a letter and a data file, then judge both as a receiver would."""
    now = datetime.now(UTC)
    letter = letter_pdf(Letter(NAME, "12", "BC-STTTT", "V/v ký số văn bản"))
    (folder / "cong-van.pdf").write_bytes(issue(letter, leader, seal, now))
    (folder / "so-lieu.csv.p7m").write_bytes(sign_cms(b"chi tieu;gia tri\n", [seal], signed_at=now))
    trust = load_trust_folder(folder / "pki" / "trust")
    for file in ("cong-van.pdf", "so-lieu.csv.p7m"):
        report = verify(folder / file, policy=VN_2025, trust=trust)
        print(file, report.indication, ", ".join(f"{s.role}: {s.signer.cn}" for s in report.signatures))


@contextmanager
def keys(folder: Path) -> Iterator[tuple[Signer, Signer]]:
    """The leader's key at a service, the agency's in a file."""
    pki = SandboxPki.open(folder / "pki", {AGENCY: NAME})
    identity = pki.identity(f"{AGENCY}-agency-good")
    protection = BestAvailableEncryption(PASSWORD)
    bundle = pkcs12.serialize_key_and_certificates(
        b"dau", identity.key, identity.certificate, identity.chain, protection
    )
    seal = KeySigner.from_pkcs12(bundle, PASSWORD)

    clock, account = SystemClock(), TokenOrPassword.model_validate({"token": "chi-mo-dich-vu-mo-phong"})
    held = {"lanh-dao": HeldKey(pki.signer(AGENCY, role="person"), PIN)}
    service = RemoteSigningService(held, account.authorization, clock)
    service.lose.append("signatures/signHash")  # the reply is lost once; it is asked after, not signed again
    with service.listening() as url:
        transport = HttpTransport(HttpSettings(url=url), system="ky-so-tu-xa", clock=clock)
        settings = RemoteSigningSettings(credential_id="lanh-dao", account=account)
        yield RemoteSigner(settings, transport, clock=clock, pin=lambda: PIN), seal
        transport.close()
    print("Dịch vụ ký số từ xa đã ký", service.made["lanh-dao"], "lần")


if __name__ == "__main__":
    with TemporaryDirectory() as name, keys(Path(name)) as (leader, seal):
        main(Path(name), leader, seal)
