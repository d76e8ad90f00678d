"""The axis' adapter keeps what every adapter promises."""

from ebrvt_adapters.vxp import Vxp
from ebrvt_adapters.vxp.sandbox import VxpSimulator

from ebrvt_connect.testing.conformance_faults import FaultConformance
from ebrvt_connect.testing.conformance_stage import UNHEARD_OF
from tests.contract.vxp.exchange import (
    ACCOUNT,
    CABINET,
    SECRET,
    incoming,
    make_document,
    make_status,
    make_work,
    packet_of,
    settings_for,
    status_packet,
    with_file,
)


class TestVxp(FaultConformance):
    adapter = Vxp
    simulator = VxpSimulator
    sandbox_config = [ACCOUNT]
    secrets = (SECRET,)
    writes = ("sendEdoc",)

    def settings(self, url):
        return settings_for(url, ask_after_seconds=1.0)

    def fill(self, simulator, now):
        for nth in (1, 2, 3):
            blob = simulator.world.keep((packet_of(incoming(f"{nth}/QĐ-BTTTT")),))
            simulator.seed({"incoming": [{"id": f"den-{nth}", "sha256": blob.sha256}]})
        told = status_packet("03", make_document(), reporter=CABINET)
        blob = simulator.world.keep((told,))
        simulator.seed({"incoming": [{"id": "tt-1", "sha256": blob.sha256, "messagetype": "status"}]})

    def fill_bare(self, simulator, now):
        end = b"</edXML:Subject>"
        packet = packet_of(incoming()).replace(end, end + f"<{UNHEARD_OF}>?</{UNHEARD_OF}>".encode())
        blob = simulator.world.keep((packet,))
        simulator.seed({"incoming": [{"id": "den-1", "sha256": blob.sha256}]})
        values = ("document_id", "number", "kind", "abstract", "promulgated_on", "trace")
        return (*values, "issuer.code", "issuer.name", "recipients")

    def works(self, blobs, now):
        first, second = (with_file(make_document(f"{nth}/BC-STTTT"), blobs) for nth in (125, 126))
        status = make_status("01", incoming(), reporter="000.00.15.H06")
        return (
            make_work(first, id=1, idem_key="di:1:1", lane="a"),
            make_work(second, id=2, idem_key="di:2:1", lane="b"),
            make_work(status, incoming(), id=3, idem_key="di:3:1", lane="c"),
        )

    def effects(self, journal):
        return sum(entry["event"] in {"document-accepted", "status-accepted"} for entry in journal)
