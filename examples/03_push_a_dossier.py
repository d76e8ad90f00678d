"""Push one dossier and a step of its progress to the National Public Service Portal with its client alone.

It starts a simulated portal, which loses the reply to the step. Real use is `push` and `add_step`: no daemon,
no database; the rest makes a dossier and the portal.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from ebrvt_adapters.dvcqg import DvcqgClient, DvcqgSettings
from ebrvt_adapters.dvcqg.faults import DossierExists
from ebrvt_adapters.dvcqg.mapping import (
    Agreement,
    CatalogueEntry,
    default_codes,
    key_of,
    keys_there,
    mapped_dossier,
    mapped_progress,
)

from ebrvt_connect import ReconcileFirst
from ebrvt_connect.errors import ConnectError, InvalidValue
from ebrvt_connect.model import dossier as one_stop
from ebrvt_connect.testing.sandbox_faults import LOSE_REPLY, Fault
from ebrvt_connect.testing.sandbox_host import SandboxHost
from ebrvt_connect.transport.clock import SystemClock

UNIT, DSTCODE, CODE = "000.00.00.H06", "VN:GOV:000.00.00.G22:dvcqg", "000.00.15.H06-261123-0001"
PROCEDURE = CatalogueEntry(
    code="1.001234.000.00.00.H06",
    name="Cấp giấy phép bưu chính (mẫu)",
    field_code="G14-BC01",
    field_name="Bưu chính (mẫu)",
)
AGREED = Agreement(codes=default_codes(), public_base="https://motcua.example.vn/tep")


def push(client: DvcqgClient, dossier: one_stop.Dossier) -> str:
    """Insert a dossier, or update it where the portal says that it is there; tells what became of it."""
    mapped = mapped_dossier(dossier, AGREED, {PROCEDURE.code: PROCEDURE}.get)
    for warning in mapped.warnings:  # what the one-stop shop does not say is left out, never made up
        print(f"  LƯU Ý {warning.field}: {warning.message_vi}")
    try:
        client.put_dossiers(mapped.content, updating=False)
    except DossierExists:  # "đã tồn tại": nothing was written, so the other way may be tried at once
        client.put_dossiers(mapped.content, updating=True)
        return "ĐÃ CẬP NHẬT: Cổng báo hồ sơ đã tồn tại nên gửi lại dạng cập nhật."
    return "ĐÃ THÊM MỚI hồ sơ trên Cổng."


def add_step(client: DvcqgClient, entry: one_stop.ProgressEntry) -> str:
    """Append a step; it carries no key, so one in doubt is looked for and never just sent again."""
    mapped = mapped_progress(entry)
    try:
        client.add_progress(mapped.content)
    except ReconcileFirst as doubt:
        print("CHƯA RÕ:", doubt.explanation_vi)
        row = client.dossier(str(entry.dossier_code))
        if row and key_of(mapped.data) in keys_there(row, str(entry.dossier_code)):
            return "ĐÃ HỎI LẠI: Cổng đã có bước này, không gửi lại."
        return "ĐÃ HỎI LẠI: chưa thấy bước này trên Cổng; hỏi lại sau ít phút, chưa gửi lại ngay."
    return "ĐÃ GỬI bước xử lý."


def main(settings: DvcqgSettings) -> None:
    """Push a dossier twice, as a program would that has lost its memory, then its first step."""
    now, code = datetime.now(UTC), one_stop.DossierCode.parse(CODE)
    dossier = one_stop.Dossier(
        code=code,
        procedure=one_stop.Procedure(local_code="BCVT-01", national_code=PROCEDURE.code, name="Giấy phép"),
        agency=one_stop.Unit(code="000.00.15.H06", name="Sở Thông tin và Truyền thông (mẫu)"),
        applicant=one_stop.Applicant(
            kind=one_stop.ApplicantKind.ENTERPRISE,
            name="Công ty TNHH Thử Nghiệm",
            identities=(one_stop.Identity(kind="CITIZEN_ID", number="000000000000"),),
        ),
        abstract="Đề nghị cấp giấy phép bưu chính",
        channel=one_stop.Channel.DIRECT,
        submitted_at=now,
        received_at=now,
        due_at=now + timedelta(days=7),
        return_method=one_stop.ReturnMethod.COUNTER,
        status_word="receiving",
        stage=one_stop.DossierStage.RECEIVED,
        online_payment=one_stop.OnlinePayment.NONE,
        updated_at=now,
        revision="1",
    )
    step = one_stop.ProgressEntry(
        dossier_code=code,
        local_code=code,
        seq=1,
        at=now,
        actor_name="Nguyễn Thị B",
        action="Tiếp nhận hồ sơ",
        status_word="receiving",
        stage=one_stop.DossierStage.RECEIVED,
    )
    with DvcqgClient(settings, SystemClock()) as client:
        try:
            print(push(client, dossier))
            print(push(client, dossier))
            print(add_step(client, step))
        except InvalidValue as flaw:  # something the portal requires is missing: nothing was sent
            print(f"GIỮ LẠI: {flaw.sentence_vi} {flaw.advice_vi}")
        except ConnectError as failure:  # `failure.effect` says what must happen next
            print(f"{failure.effect}: {failure.explanation_vi} {failure.advice_vi}")


def on_a_simulated_portal(folder: Path) -> None:
    """Start a portal that will lose one reply, and push there."""
    account = {"username": "brvt_mc", "password": "chi-mo-cong-mo-phong", "units": [UNIT], "dstcode": DSTCODE}
    table = {"dvcqg": [{**account, "procedures": [PROCEDURE.model_dump()]}]}
    with SandboxHost(folder, ["dvcqg"], table) as host:
        host.arm([Fault(system="dvcqg", kind=LOSE_REPLY, operation="CapNhatTienDoHoSoMC")])
        credentials = {name: account[name] for name in ("username", "password")}
        settings = {"transport": {"url": host.url("dvcqg")}, "credentials": credentials}
        main(DvcqgSettings.model_validate({**settings, "unit": UNIT, "dstcode": DSTCODE}))


if __name__ == "__main__":
    with TemporaryDirectory() as name:
        on_a_simulated_portal(Path(name))
