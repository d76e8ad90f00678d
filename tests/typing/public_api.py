"""Never run, only type-checked: each line uses the library the way a user would."""

from datetime import UTC, datetime
from pathlib import Path
from typing import assert_never, assert_type

from ebrvt_adapters.vxp import Packet, VxpClient, VxpSettings
from ebrvt_adapters.vxp.wire import MessageType

import ebrvt_connect
from ebrvt_connect import (
    VN_2025,
    AgencyCode,
    ConnectError,
    DocumentNumber,
    HeldForPerson,
    Indication,
    InvalidValue,
    KeySigner,
    PacketReport,
    ReconcileFirst,
    Rejected,
    RetryLater,
    TrustStore,
    VerificationPolicy,
    VerificationReport,
    __version__,
    load_trust_folder,
    sign_pdf,
    verify,
    verify_packet,
)
from ebrvt_connect.errors import Scope
from ebrvt_connect.ports.signer import Signer
from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.trust.packet_checklist import Outcome

assert_type(__version__, str)
ebrvt_connect.verfy  # type: ignore[attr-defined]

# --- verifying ----------------------------------------------------------------------------------------------

trust = load_trust_folder(Path("trust"))
assert_type(trust, TrustStore)
assert_type(VN_2025, VerificationPolicy)
report = verify(Path("cong-van.pdf"), policy=VN_2025, trust=trust)
assert_type(report, VerificationReport)
assert_type(report.indication, Indication)
assert_type(report.headline_vi, str)
packet = verify_packet(Path("125.edxml"), policy=VN_2025, trust=trust)
assert_type(packet, PacketReport)
assert_type(packet.files[0].report, VerificationReport | None)
assert_type([rule.outcome for rule in packet.rules if rule.rule == "leader"], list[Outcome])
packet.raise_for_status()
assert_type(report.to_json(), str)
for signature in report.signatures:
    assert_type(signature.signer.cn, str)
    assert_type(signature.indication, Indication)
    if signature.best_time:
        assert_type(signature.best_time.value, datetime)
    signature.best_time.value  # type: ignore[union-attr]
for finding in report.all_findings():
    assert_type(finding.message_vi, str)
report.indication = Indication.TOTAL_PASSED  # type: ignore[misc]

verify(b"%PDF-1.7", policy=VN_2025, trust=trust, at=datetime(2026, 11, 23, tzinfo=UTC), name="cong-van.pdf")
verify(Path("cong-van.pdf"))  # type: ignore[call-arg]
verify("cong-van.pdf", policy=VN_2025, trust=trust)  # type: ignore[arg-type]
stricter = VN_2025.model_copy(update={"id": "TINH", "rsa_bits": 3072})
verify(b"%PDF-1.7", policy=stricter, trust=trust)


def seen(verdict: VerificationReport) -> str:
    """All verdicts there are: a fourth would not type-check here."""
    match verdict.indication:
        case Indication.TOTAL_PASSED:
            return "nhận"
        case Indication.INDETERMINATE | Indication.TOTAL_FAILED:
            return "xem lại"
        case _ as other:
            assert_never(other)


# --- signing ------------------------------------------------------------------------------------------------


def key(content: bytes) -> Signer:
    """Opened, or told with a Vietnamese sentence why not."""
    try:
        return KeySigner.from_pkcs12(content, b"...")
    except InvalidValue as flaw:
        raise SystemExit(flaw.sentence_vi) from flaw


def signed(pdf: bytes, leader: Signer, seal: Signer, now: datetime) -> bytes:
    """The leader first, then the agency."""
    pdf = sign_pdf(pdf, leader, role="person", signed_at=now)
    sign_pdf(pdf, seal, role="agency")  # type: ignore[call-arg]
    return sign_pdf(pdf, seal, role="agency", signed_at=now, reason="Phát hành")


# --- identifiers --------------------------------------------------------------------------------------------

code = AgencyCode.parse("H06.15")
assert_type(code.qcvn102, str)
assert_type(code.same_agency(AgencyCode("000.00.15.H06")), bool)
number = DocumentNumber.parse("7849/UBND-VP")
assert_type(number, DocumentNumber)
assert_type((number.number, number.symbol), tuple[str, str])
number.number = "7850"  # type: ignore[misc]

# --- one adapter, and the four effects ----------------------------------------------------------------------


def send(settings: VxpSettings, packet: bytes) -> str:
    """One packet to the axis, without the daemon."""
    with VxpClient(settings, SystemClock()) as client:
        try:
            accepted = client.send(Packet.of(packet), MessageType.EDOC, sender=code.text)
        except RetryLater as failure:
            return f"{failure.code}: {failure.retry_after}"
        except ReconcileFirst as failure:
            return f"{failure.code}: {len(client.sent(MessageType.EDOC))}"
        except Rejected as failure:
            failure.scope  # type: ignore[attr-defined]
            return f"{failure.code}: {failure.explanation_vi}"
        except HeldForPerson as failure:
            assert_type(failure.scope, Scope)
            return f"{failure.code}: {failure.advice_vi}"
        except ConnectError as failure:
            return failure.code
        return accepted.doc_id
