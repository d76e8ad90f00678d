"""`ebrvt explain` lists what was noticed about the data, as it came and as it was made ready to send."""

import json

from ebrvt_connect.model.document import DataWarning
from ebrvt_connect.model.message import BlobRef, Payload
from ebrvt_connect.ops.commands.explain import _warning_lines
from tests.contract.dvcqg.desk import make_dossier, make_message

CAME = DataWarning(code="STATUS_ODD", field="status", message_vi="Trạng thái lạ.")
MADE = DataWarning(code="DUE_DATE_MISSING", field="NgayHenTra", message_vi="Không có ngày hẹn trả.")


def payload(*facts):
    return Payload(blob=BlobRef(sha256="0" * 64, size_bytes=0), media_type="application/json", facts=facts)


def test_warnings_of_record_and_payload_are_listed():
    made = payload(("warnings", json.dumps([MADE.model_dump()])))
    message = make_message(make_dossier(warnings=(CAME,)), payload=made)

    assert list(_warning_lines(message)) == [
        "  Cảnh báo chất lượng dữ liệu (2):",
        "    Trạng thái lạ. [STATUS_ODD, trường status]",
        "    Không có ngày hẹn trả. [DUE_DATE_MISSING, trường NgayHenTra]",
    ]


def test_nothing_is_said_where_nothing_was_noticed():
    assert list(_warning_lines(make_message(make_dossier()))) == []
    assert list(_warning_lines(make_message(make_dossier(), payload=payload()))) == []
    assert list(_warning_lines(make_message(make_dossier()).model_copy(update={"record": ""}))) == []
