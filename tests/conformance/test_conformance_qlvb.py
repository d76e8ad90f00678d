"""The document system's adapter keeps what every adapter promises."""

from ebrvt_adapters.qlvb import Qlvb, QlvbCredentials, QlvbSettings
from ebrvt_adapters.qlvb.sandbox import QlvbSimulator

from ebrvt_connect.ports.adapter import Work
from ebrvt_connect.testing.conformance_faults import FaultConformance
from ebrvt_connect.testing.conformance_stage import UNHEARD_OF
from ebrvt_connect.transport.http import HttpSettings
from tests.contract.qlvb.office import ISSUER, RECIPIENTS, incoming_document, message, outgoing

LETTER = b"%PDF-1.7 letter"


class TestQlvb(FaultConformance):
    adapter = Qlvb
    simulator = QlvbSimulator
    sandbox_config = {"username": "ebrvt", "password": "opens the simulator"}
    secrets = ("opens the simulator",)
    writes = ("POST /api/incoming",)

    def settings(self, url):
        return QlvbSettings(
            transport=HttpSettings(url=url, connect_seconds=2, read_seconds=5),
            page=2,
            credentials=QlvbCredentials(username="ebrvt", password="opens the simulator"),
        )

    def fill(self, simulator, now):
        simulator.world.keep((LETTER,))
        for nth in range(1, 4):
            simulator.issue(outgoing(f"vb-{nth}"), now)
        event = {"axisDocId": "axis-9", "code": "03", "at": "2026-11-23T08:00:00+07:00", "by": "Văn thư"}
        simulator.office.put_event("incoming-events", event)

    def fill_bare(self, simulator, now):
        document = outgoing(
            files=(),
            type={"code": "", "name": "Báo cáo"},
            promulgation={"date": "2026-11-20"},
            issuer={"code": ISSUER},
            signatory={"fullName": "Nguyễn Văn Mẫu"},
            recipients=[{"code": RECIPIENTS[0]}],
        )
        wanted = ("steering", "places", "responseFor", "taskCodes", "appendixes")
        said = {name: value for name, value in document.items() if name not in wanted}
        simulator.seed({"documents": [said | {UNHEARD_OF: "?"}]})
        # An id the system gives none of is made from agency, day and number, as QCVN 102 wants it.
        values = ("document_id", "number", "kind.name", "abstract", "promulgated_on", "urgency")
        return (*values, "issuer.code", "recipients", "signatory.full_name")

    def works(self, blobs, now):
        blobs.put((LETTER,), limit_bytes=100)
        for nth in (1, 2):
            record = incoming_document(document_id=f"000.00.00.G22,2026/11/20,{nth}/VPCP")
            yield Work(message(record, id=nth, external_id=f"axis-{nth}", idem_key=f"den:{nth}:1"), record)

    def effects(self, journal):
        return sum(entry["event"] == "incoming-stored" for entry in journal)
