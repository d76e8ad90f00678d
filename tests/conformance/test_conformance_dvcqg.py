"""The portal's adapter keeps what every adapter promises."""

from ebrvt_adapters.dvcqg import Dvcqg
from ebrvt_adapters.dvcqg.sandbox import DvcqgSimulator

from ebrvt_connect.model.dossier import DossierCode, DossierStage
from ebrvt_connect.testing.conformance_faults import FaultConformance
from tests.contract.dvcqg.desk import (
    ACCOUNT,
    PASSWORD,
    PROCEDURE,
    make_dossier,
    make_entry,
    make_work,
    settings_for,
)

CODES = ("000.00.15.H06-230315-0007", "000.00.15.H06-230315-0008")
ELSEWHERE = PROCEDURE.model_copy(update={"code": "9.999999.000.00.00.H06", "name": "Thủ tục cổng không có"})


class TestDvcqg(FaultConformance):
    adapter = Dvcqg
    simulator = DvcqgSimulator
    sandbox_config = [ACCOUNT]
    secrets = (PASSWORD,)
    writes = ("DongBoHoSoMC", "CapNhatTienDoHoSoMC")

    def settings(self, url):
        return settings_for(
            url, ask_after_seconds=1.0, progress_told_in_time=True, procedures=(PROCEDURE, ELSEWHERE)
        )

    def works(self, blobs, now):
        for nth, text in enumerate(CODES):
            code = DossierCode(text)
            dossier = make_dossier(code=code)
            entries = [make_entry(dossier_code=code, local_code=code, seq=seq) for seq in (1, 2)]
            later = dossier.model_copy(update={"stage": DossierStage.IN_PROGRESS, "revision": "2"})
            for place, record in enumerate((dossier, *entries, later), start=1):
                key = f"ho-so:{nth}:{place}"
                yield make_work(record, id=10 * nth + place, idem_key=key, lane=text)

    def refused(self, blobs, now):
        procedure = make_dossier().procedure.model_copy(update={"national_code": ELSEWHERE.code})
        yield make_work(make_dossier(procedure=procedure), id=90, lane="x")

    def effects(self, journal):
        told = {"dossier-inserted", "dossier-updated", "progress-appended", "progress-repeated"}
        return sum(entry["event"] in told for entry in journal)
