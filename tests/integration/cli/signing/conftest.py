"""A desk to sign at: a letter, keys, pictures; `ebrvt sign` and `ebrvt verify` by one word each."""

import pytest

from ebrvt_connect.testing.sample_pdf import Letter, letter_pdf
from ebrvt_connect.testing.sample_signed import result_paper_xml
from tests.integration.cli.signing.sign_samples import AGENCY, PASSWORD, bundle, picture, secret_file


@pytest.fixture(scope="module")
def bundles(pki):
    """PKCS#12 files of the seal and of the leader."""
    return {role: bundle(pki.identity(f"{AGENCY}-{role}-good")) for role in ("agency", "person")}


@pytest.fixture(scope="module")
def letter():
    return letter_pdf(Letter("Sở mẫu", "1", "CV-STTTT", "V/v thử nghiệm"))


@pytest.fixture
def place(tmp_path, bundles, letter):
    """A folder with a letter, keys, their password and pictures."""
    for name, content in {
        "thu.pdf": letter,
        "dau.p12": bundles["agency"],
        "lanh-dao.p12": bundles["person"],
        "dau.png": picture((210, 20, 30, 255)),
        "chu-ky.png": picture((20, 40, 170, 255)),
        "so-lieu.csv": b"chi tieu;gia tri\n",
        "ket-qua.xml": result_paper_xml("Giấy phép", {"Số": "12"}),
    }.items():
        (tmp_path / name).write_bytes(content)
    secret_file(tmp_path / "mk", PASSWORD)
    return tmp_path


@pytest.fixture
def sign(ebrvt, place):
    """Signs with the seal's key unless another is named."""

    def run(file, out, *options, key="p12:dau.p12", secret=("--password-file", "mk")):
        return ebrvt("sign", file, "--key", key, *secret, *options, "-o", out)

    return run


@pytest.fixture
def passed(ebrvt, pki):
    """Whether `ebrvt verify` passes a file, and who signed in which field."""

    def judge(file, *options):
        answer = ebrvt("verify", file, "--trust", pki.trust_folder, "--json", *options)
        [report] = answer.data["documents"]
        assert report["indication"] == "TOTAL_PASSED", report
        return report["signatures"]

    return judge
