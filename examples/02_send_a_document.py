"""Send one signed document over the national axis with its adapter alone: no daemon, no database.

    VXP_SECRET=... python examples/02_send_a_document.py URL SYSTEMID FROM TO SIGNED.pdf

Without arguments it starts a simulated axis, which takes the document and loses the reply. Real use is
`send` and `ask_after`; the rest makes a document and the axis.
"""

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from ebrvt_adapters.vxp import Packet, VxpClient, VxpSettings
from ebrvt_adapters.vxp.mapping import Sought, found_rows, refuse_secret
from ebrvt_adapters.vxp.wire import MessageType

from ebrvt_connect import (
    AgencyCode,
    DocumentNumber,
    HeldForPerson,
    ReconcileFirst,
    Rejected,
    RetryLater,
    sign_pdf,
)
from ebrvt_connect.codec.edxml_write import write_document
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.document import Agency, Attachment, Document, DocumentType
from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.testing.memory import MemoryBlobs
from ebrvt_connect.transport.clock import SystemClock


def send(client: VxpClient, document: Document, blobs: MemoryBlobs) -> str:
    """Hand a document over; tells a Vietnamese reader what became of it."""
    now = datetime.now(UTC)
    try:
        refuse_secret(document)
        packet = Packet.of(b"".join(write_document(document, blobs, passed_at=now)))
        accepted = client.send(packet, MessageType.EDOC, sender=document.issuer.code.text)
    except RetryLater as later:  # nothing happened there: the same may be sent again, later
        return f"CHƯA GỬI: {later.explanation_vi} {later.advice_vi}"
    except ReconcileFirst as doubt:  # it may have arrived: ask, and never just send again
        print("CHƯA RÕ:", doubt.explanation_vi)
        return ask_after(client, document, now)
    except Rejected as refusal:  # they said no: the same document will be refused again
        return f"BỊ TỪ CHỐI: {refusal.explanation_vi} {refusal.advice_vi}"
    except HeldForPerson as hold:  # somebody must look at it first
        return f"CẦN NGƯỜI XỬ LÝ: {hold.explanation_vi} {hold.advice_vi}"
    except InvalidValue as flaw:  # a state secret, or something is missing: nothing was sent
        return f"GIỮ LẠI: {flaw.sentence_vi} {flaw.advice_vi}"
    return f"ĐÃ GỬI: mã gói tin {accepted.doc_id}"


def ask_after(client: VxpClient, document: Document, sent_at: datetime) -> str:
    """Look the document up in the list of what was sent; it may take minutes to appear there."""
    slack = timedelta(minutes=10)  # the two clocks may differ
    sought = Sought(
        sender=document.issuer.code,
        recipients=tuple(agency.code for agency in document.recipients),
        number=str(document.number),
        symbol=document.number.symbol,
        title=document.abstract,
        since=sent_at - slack,
        until=sent_at + slack,
    )
    rows = found_rows(client.sent(MessageType.EDOC, since=sought.since, until=sought.until), sought)
    if all(len(found) == 1 for found in rows.values()):
        return "ĐÃ HỎI LẠI: văn bản đã đến trục, không gửi lại."
    return "ĐÃ HỎI LẠI: chưa thấy rõ trên trục; hỏi lại sau ít phút, chưa gửi lại ngay."


def main(url: str, systemid: str, sender: str, recipient: str, file: Path, secret: str) -> None:
    """Send one document around a signed file."""
    blobs, content = MemoryBlobs(), file.read_bytes()
    blob = blobs.put((content,), limit_bytes=len(content))
    now = datetime.now(VIETNAM)
    number = DocumentNumber(f"{now:%H%M%S}", "THU")
    document = Document(
        document_id=f"{sender},{now:%Y/%m/%d},{number}",
        number=number,
        issuer=Agency(code=AgencyCode.parse(sender)),
        recipients=(Agency(code=AgencyCode.parse(recipient)),),
        kind=DocumentType(group=2, detail=18, name="Công văn"),
        abstract=f"V/v gửi thử văn bản điện tử số {number}",
        promulgated_on=now.date(),
        attachments=(Attachment(seq=1, name=file.name, size_bytes=blob.size_bytes, sha256=blob.sha256),),
    )
    settings = VxpSettings.model_validate(
        {
            "transport": {"url": url},
            "credentials": {"systemid": systemid, "secret": secret},
            "agencies": [sender],
        }
    )
    with VxpClient(settings, SystemClock()) as client:
        print(send(client, document, blobs))


def on_a_simulated_axis(folder: Path, sender: str = "000.00.15.H06") -> None:
    """Sign a sample, start an axis that will lose one reply, and send it there."""
    from ebrvt_connect.testing.pki import SandboxPki
    from ebrvt_connect.testing.sample_pdf import Letter, letter_pdf
    from ebrvt_connect.testing.sandbox_faults import LOSE_REPLY, Fault
    from ebrvt_connect.testing.sandbox_host import SandboxHost

    seal = SandboxPki.open(folder / "pki", {sender: "Sở Thông tin và Truyền thông (mẫu)"}).signer(sender)
    pdf = letter_pdf(Letter("Sở Thông tin và Truyền thông (mẫu)", "1", "THU", "V/v gửi thử văn bản điện tử"))
    file = folder / "cong-van.pdf"
    file.write_bytes(sign_pdf(pdf, seal, role="agency", signed_at=datetime.now(UTC)))
    with SandboxHost(folder / "axis", ["vxp"]) as host:
        host.arm([Fault(system="vxp", kind=LOSE_REPLY, operation="sendEdoc")])
        account = host.ready_line()["systems"]["vxp"]
        main(account["url"], account["systemid"], sender, "000.00.00.G22", file, account["secret"])


if __name__ == "__main__":
    if sys.argv[1:]:
        url, systemid, sender, recipient, file = sys.argv[1:]
        main(url, systemid, sender, recipient, Path(file), os.environ["VXP_SECRET"])
    else:
        with TemporaryDirectory() as name:
            on_a_simulated_axis(Path(name))
