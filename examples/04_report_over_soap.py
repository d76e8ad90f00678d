"""Send one signed report to the ministry over SOAP and wait for its approval, with the client alone.

It starts a simulated ministry. Real use is `signed`, `send` and `told_vi`; the rest makes figures and keys.
"""

import uuid
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from ebrvt_adapters.baocao import BaocaoClient, BaocaoSettings
from ebrvt_adapters.baocao.mapping import AWAITED, reason_vi, state_of, unsigned_packet
from ebrvt_adapters.baocao.wire import packet_reference

from ebrvt_connect import VN_2025, AgencyCode, ConnectError, load_trust_folder, verify
from ebrvt_connect.model.period import VIETNAM, Frequency, ReportingPeriod
from ebrvt_connect.model.report import Missing, Observation, Report, ReportState
from ebrvt_connect.testing.pki import SandboxPki
from ebrvt_connect.testing.sandbox_host import SandboxHost
from ebrvt_connect.transport.clock import SystemClock
from ebrvt_connect.transport.signers import KeySigner
from ebrvt_connect.trust.xmldsig import sign_packet

SENDER, PROVINCE, MINISTRY = "000.00.15.H06", "000.00.00.H06", "000.00.00.G14"


def signed(report: Report, seal: KeySigner) -> bytes:
    """The packet with its signature (XMLDSig), made once: what is sent, kept and verified are these bytes."""
    unsigned = unsigned_packet(report, "qcvn102")
    return sign_packet(unsigned, seal, reference_id=packet_reference(report.packet_id))


def send(client: BaocaoClient, report: Report, packet: bytes, clock: SystemClock) -> str:
    """Submit a packet and ask until the ministry has decided; tells a Vietnamese reader."""
    try:
        receipt = client.submit(packet).told
        print(f"BỘ ĐÃ TIẾP NHẬN: mã biên nhận {receipt.receipt_id}")
        again = client.submit(packet).told  # a lost reply does no harm: the packet carries its own key
        print(f"GỬI LẠI CÙNG GÓI TIN: vẫn mã biên nhận {again.receipt_id}")
        while (state := state_of((told := client.status(report.packet_id).told).status)) in AWAITED:
            clock.sleep(0.2)  # a real ministry takes days: the daemon asks every few minutes
    except ConnectError as failure:  # `failure.effect` says what must happen next
        return f"{failure.effect}: {failure.explanation_vi} {failure.advice_vi}"
    if state is ReportState.APPROVED:
        return "BỘ ĐÃ PHÊ DUYỆT báo cáo."
    return f"{state}: {reason_vi(told)}"


def trial(now: datetime) -> Report:
    """A trial report of the open period; a figure that cannot be had says why and is never made up."""
    figures = {"NQ17.02": (4274, 20000), "NQ17.05": (197, 200), "NQ17.16": (12, 12)}
    level = (("LEVEL", "PROVINCE"),)
    return Report(
        packet_id=str(uuid.uuid4()),
        regime_code="NQ17",
        template_code="NQ17-Q",
        template_version="1.0",
        period=ReportingPeriod.containing(now.astimezone(VIETNAM).date(), Frequency.QUARTER),
        organization=AgencyCode(PROVINCE),
        sender=AgencyCode(SENDER),
        receiver=AgencyCode(MINISTRY),
        created_at=now,
        test=True,
        observations=(
            *(
                Observation(
                    indicator_code=code,
                    breakdowns=level,
                    value=(Decimal(100 * part) / whole).quantize(Decimal("0.01")),
                    unit="PCT",
                    numerator=Decimal(part),
                    denominator=Decimal(whole),
                )
                for code, (part, whole) in figures.items()
            ),
            Observation(indicator_code="NQ17.17", breakdowns=level, missing=Missing.DENOMINATOR_ZERO),
        ),
    )


def on_a_simulated_ministry(folder: Path) -> None:
    """Make a seal, start a ministry that knows it, send there, and verify what was sent."""
    pki, clock = SandboxPki.open(folder / "pki"), SystemClock()
    seal, mine = pki.signer(SENDER), pki.identity(f"{SENDER}-agency-good")
    password = "chi-mo-cong-mo-phong"  # noqa: S105 - opens nothing but the simulator
    locked = BestAvailableEncryption(password.encode())
    key = pkcs12.serialize_key_and_certificates(b"seal", mine.key, mine.certificate, mine.chain, locked)
    (folder / "seal.p12").write_bytes(key)
    account = {"username": "brvt.stttt", "password": password}
    table = {**account, "senders": {seal.certificate_sha256: [SENDER]}, "pace_seconds": 0.2}
    report = trial(clock.now())
    packet = signed(report, seal)
    with SandboxHost(folder / "ministry", ["baocao"], {"baocao": table}) as host:
        keys = {"pkcs12": folder / "seal.p12", "pkcs12_password": password}
        settings = {"transport": {"url": host.url("baocao")}, "credentials": {**account, **keys}}
        with BaocaoClient(BaocaoSettings.model_validate(settings), clock) as client:
            print(send(client, report, packet, clock))
    trust = load_trust_folder(pki.trust_folder)
    changed = packet.replace(b"4274", b"4275")
    for what, content in (("Gói tin đã gửi", packet), ("Bị sửa một con số", changed)):
        print(f"{what}: {verify(content, policy=VN_2025, trust=trust).indication}")


if __name__ == "__main__":
    with TemporaryDirectory() as name:
        on_a_simulated_ministry(Path(name))
