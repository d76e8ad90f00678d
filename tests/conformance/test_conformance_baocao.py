"""The reporting software's adapter keeps what every adapter promises."""

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from ebrvt_adapters.baocao import Baocao, BaocaoCredentials, BaocaoSettings
from ebrvt_adapters.baocao.sandbox import BaocaoSimulator

from ebrvt_connect.model.ids import AgencyCode
from ebrvt_connect.testing.conformance_faults import FaultConformance
from ebrvt_connect.testing.pki_issue import Request, issue
from ebrvt_connect.transport.http import HttpSettings
from tests.contract.baocao.ministry import SENDER, report, work

PASSWORD, KEY_PASSWORD = "opens the simulator", "opens the key"


@pytest.fixture(autouse=True, scope="module")
def seal(tmp_path_factory):
    make_seal(tmp_path_factory.mktemp("seal"))


def make_seal(folder):
    """A seal of its own, known to the simulated ministry."""
    made = issue(Request("Sở mẫu"))
    path = folder / "seal.p12"
    locked = BestAvailableEncryption(KEY_PASSWORD.encode())
    path.write_bytes(pkcs12.serialize_key_and_certificates(b"seal", made.key, made.certificate, None, locked))
    TestBaocao.key_file = path
    TestBaocao.sandbox_config = {
        "username": "brvt.stttt",
        "password": PASSWORD,
        "senders": {made.certificate.fingerprint(SHA256()).hex(): [SENDER]},
        "pace_seconds": 0,
    }


class TestBaocao(FaultConformance):
    adapter = Baocao
    simulator = BaocaoSimulator
    secrets = (PASSWORD, KEY_PASSWORD)
    writes = ("SubmitReport",)

    def settings(self, url):
        return BaocaoSettings(
            transport=HttpSettings(url=url, connect_seconds=2, read_seconds=5),
            credentials=BaocaoCredentials(
                username="brvt.stttt",
                password=PASSWORD,
                pkcs12=self.key_file,
                pkcs12_password=KEY_PASSWORD,
            ),
            poll_seconds=1,
        )

    def works(self, blobs, now):
        for nth in (1, 2):
            yield work(report(organization=AgencyCode(f"000.00.0{nth}.H06")), id=nth)

    def effects(self, journal):
        return sum(entry["event"] == "report-received" for entry in journal)
