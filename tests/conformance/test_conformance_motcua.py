"""The one-stop shop's adapter keeps what every adapter promises."""

from ebrvt_adapters.motcua import Motcua, MotcuaCredentials, MotcuaSettings
from ebrvt_adapters.motcua.sandbox import MotcuaSimulator

from ebrvt_connect.model.dossier import DossierCode, DossierExchange, DossierStatus
from ebrvt_connect.ports.adapter import Work
from ebrvt_connect.testing.conformance_faults import FaultConformance
from ebrvt_connect.testing.conformance_stage import UNHEARD_OF
from ebrvt_connect.transport.http import HttpSettings
from tests.contract.motcua.shop import NOW, dossier, kept, message, result, step

RESULT = b"%PDF-1.7 permit"


class TestMotcua(FaultConformance):
    adapter = Motcua
    simulator = MotcuaSimulator
    sandbox_config = {"username": "ebrvt", "password": "opens the simulator"}
    secrets = ("opens the simulator",)
    writes = ("PUT /api/dossiers/{code}/exchange-status",)

    def settings(self, url):
        return MotcuaSettings(
            transport=HttpSettings(url=url, connect_seconds=2, read_seconds=5),
            page=2,
            credentials=MotcuaCredentials(username="ebrvt", password="opens the simulator"),
        )

    def fill(self, simulator, now):
        simulator.world.keep((RESULT,))
        codes = [f"H06.15-261123-{nth:04d}" for nth in range(1, 4)]
        entry = {"at": "2026-11-23T08:00:00+07:00", **step()}
        simulator.seed(
            {
                "dossiers": [dossier(code, results=[result()]) for code in codes],
                "progress": {code: [entry, entry] for code in codes},
                "files": {code: {"kq-1": kept(RESULT)} for code in codes},
            }
        )

    def fill_bare(self, simulator, now):
        must = ("id", "code", "status", "revision", "updatedAt")
        said = {name: value for name, value in dossier().items() if name in must}
        simulator.seed({"dossiers": [said | {UNHEARD_OF: "?"}]})
        return ("code", "status_word", "stage", "revision", "updated_at")

    def works(self, blobs, now):
        for nth in (1, 2):
            code = DossierCode.parse(f"H06.15-261123-{nth:04d}")
            record = DossierStatus(
                dossier_code=code, system="dvcqg", state=DossierExchange.ACCEPTED, at=NOW, receipt=f"r{nth}"
            )
            yield Work(
                message(record, id=nth, external_id=str(code), idem_key=f"ho-so:{nth}>ACCEPTED"), record
            )

    def effects(self, journal):
        return sum(entry["event"] == "dossier-exchange" for entry in journal)
