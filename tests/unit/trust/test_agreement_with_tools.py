"""What OpenSSL, xmlsec1 and poppler's pdfsig say of the same files: no disagreement where they can judge.

Each knows a part only (bytes and value, not structure, policy or revocation), so agreement is asked for on
sound files and on damage they can see. `./dev test` installs them where it can; else these tests are skipped.
"""

import shutil
import subprocess
import unicodedata

import pytest

from ebrvt_connect.testing.sample_signed import result_paper_xml, signed_cms, signed_xml
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.verdict import Indication
from ebrvt_connect.trust.verify import verify_bytes
from ebrvt_connect.trust.xmldsig import sign_packet
from tests.unit.trust.ooxml_samples import SIGNATURE
from tests.unit.trust.ooxml_samples import signed as signed_parts
from tests.unit.trust.packet_samples import edxml, sealed_edxml
from tests.unit.trust.samples import AGENCY, AT, flipped_at, gap_of, plain_pdf
from tests.unit.trust.xades_samples import xades_signed
from tests.unit.trust.xml_samples import packet

PASSED = Indication.TOTAL_PASSED


def needs(tool, package):
    return pytest.mark.skipif(
        shutil.which(tool) is None, reason=f"{tool} is not installed: sudo apt-get install {package}"
    )


openssl = needs("openssl", "openssl")
xmlsec1 = needs("xmlsec1", "xmlsec1")
pdfsig = needs("pdfsig", "poppler-utils")


@pytest.fixture(scope="module")
def root(pki):
    return pki.trust_folder / "government" / "root.crt"


def run(*command):
    return subprocess.run(command, capture_output=True, check=False, timeout=60)


# --- OpenSSL -------------------------------------------------------------------------------------------


@pytest.fixture
def openssl_agrees(tmp_path, root):
    def verify(data, content=None):
        (tmp_path / "signed").write_bytes(data)
        beside = []
        if content is not None:
            (tmp_path / "content").write_bytes(content)
            beside = ["-content", tmp_path / "content"]
        how = ["-verify", "-binary", "-purpose", "any", "-inform", "DER", "-CAfile", root]
        ended = run("openssl", "cms", *how, "-in", tmp_path / "signed", "-out", tmp_path / "out", *beside)
        return ended.returncode == 0

    return verify


CMS = {
    "inside": {},
    "beside": {"detached": True},
    "inside, SHA-512": {"digest": "sha512"},
    "beside, SHA-384": {"digest": "sha384", "detached": True},
    "inside, without CAdES": {"cades": False},
}


@openssl
@pytest.mark.parametrize("tampered", [False, True], ids=["sound", "tampered"])
@pytest.mark.parametrize("stamped", [False, True], ids=["B-B", "B-T"])
@pytest.mark.parametrize("name", CMS)
def test_openssl_agrees_on_cms(desk, seal, openssl_agrees, name, stamped, tampered):
    content = b"Van ban mau.\n" * 9
    stamper = desk.stamped() if stamped else None
    data = signed_cms(content, [seal], signed_at=AT, timestamper=stamper, **CMS[name])
    other = content.replace(b"mau", b"xau", 1) if tampered else content
    detached = CMS[name].get("detached")
    data = data if detached else data.replace(content, other)

    beside = {"van-ban.txt": other} if detached else {}
    report = verify_bytes(data, policy=VN_2025, trust=desk.trust, at=AT, detached=beside)
    theirs = openssl_agrees(data, other if detached else None)

    assert theirs is (report.indication is PASSED) is (not tampered)


@openssl
@pytest.mark.parametrize("pades", [True, False], ids=["PAdES", "adbe"])
@pytest.mark.parametrize("where", [None, b"Van ban mau", b"/MediaBox"])
def test_openssl_agrees_on_the_signature_of_a_pdf(desk, openssl_agrees, pades, where):
    pdf = desk.signed(pades=pades)
    pdf = pdf if where is None else flipped_at(pdf, pdf.index(where) + 3)
    start, end = gap_of(pdf)
    held = bytes.fromhex(pdf[start + 1 : end - 1].decode())
    length = 4 + int.from_bytes(held[2:4], "big")

    theirs = openssl_agrees(held[:length], pdf[:start] + pdf[end:])

    assert theirs is (desk.verdict(pdf).indication is PASSED) is (where is None)


# --- xmlsec1 -------------------------------------------------------------------------------------------


@pytest.fixture
def xmlsec_agrees(tmp_path, root, pki):
    def verify(data, *ids, node=None):
        (tmp_path / "signed.xml").write_bytes(data)
        named = [part for element in ids for part in ("--id-attr:Id", element)]
        trusted = ["--trusted-pem", root, "--untrusted-pem", pki.trust_folder / "intermediate" / "issuer.crt"]
        where = [] if node is None else ["--node-xpath", node]
        ended = run(
            "xmlsec1", "--verify", "--ignore-manifests", *trusted, *named, *where, tmp_path / "signed.xml"
        )
        return ended.returncode == 0

    return verify


TAMPERED = [None, (b"21.37", b"21.38"), (b"<ds:DigestValue>", b"<ds:DigestValue>A")]


@xmlsec1
@pytest.mark.parametrize("change", TAMPERED, ids=["sound", "value", "digest"])
def test_xmlsec_agrees_on_a_packet(desk, seal, xmlsec_agrees, change):
    data = sign_packet(packet(), seal, reference_id="pkt-1")
    data = data.replace(*change, 1) if change else data

    theirs = xmlsec_agrees(data, "urn:ebrvt:sandbox:reporting:1:ReportPacket")

    assert theirs is (desk.verdict(data).indication is PASSED) is (change is None)


@xmlsec1
@pytest.mark.parametrize("change", [None, (b"12<", b"13<")], ids=["sound", "content"])
@pytest.mark.parametrize("nth", [1, 2])
def test_xmlsec_agrees_on_both_signatures_of_a_paper(desk, pki, xmlsec_agrees, nth, change):
    people = [pki.signer(AGENCY, role="person"), pki.signer(AGENCY)]
    data = signed_xml(result_paper_xml("Giấy phép", {"Số": "12"}), people)
    data = data.replace(*change, 1) if change else data

    node = f"(//*[local-name()='Signature'])[{nth}]"
    theirs = xmlsec_agrees(data, "urn:ebrvt:sandbox:result:1:noiDung", node=node)

    assert theirs is (desk.verdict(data).indication is PASSED) is (change is None)


@xmlsec1
@pytest.mark.parametrize("change", TAMPERED[:2], ids=["sound", "content"])
@pytest.mark.parametrize("stamped", [False, True], ids=["B-B", "B-T"])
def test_xmlsec_agrees_on_xades(desk, seal, xmlsec_agrees, stamped, change):
    stamper = desk.stamped() if stamped else None
    data = xades_signed(seal, b'<goi Id="pkt-1"><giaTri>21.37</giaTri></goi>', timestamper=stamper)
    data = data.replace(*change, 1) if change else data

    theirs = xmlsec_agrees(data, "http://uri.etsi.org/01903/v1.3.2#:SignedProperties")

    assert theirs is (desk.verdict(data).indication is PASSED) is (change is None)


VIETNAMESE = (
    '<gói:GiấyPhép xmlns:gói="urn:x" Id="pkt-1" sốHiệu="7"><gói:Số đơn_vị="tỷ">21</gói:Số></gói:GiấyPhép>'
)


@xmlsec1
@pytest.mark.parametrize(
    "change",
    [
        None,
        ("đơn_vị", "don_vi"),
        ("Số>", "So>"),
        ("GiấyPhép", unicodedata.normalize("NFD", "GiấyPhép")),
        ("sốHiệu", unicodedata.normalize("NFD", "sốHiệu")),
        (">21<", ">22<"),
    ],
    ids=["sound", "attribute", "element", "decomposed", "decomposed attribute", "content"],
)
@pytest.mark.parametrize("make", ["packet", "xades"])
def test_xmlsec_agrees_on_names_in_vietnamese_letters(desk, seal, xmlsec_agrees, make, change):
    if make == "packet":
        data = sign_packet(VIETNAMESE.encode(), seal, reference_id="pkt-1")
    else:
        data = xades_signed(seal, VIETNAMESE.encode())
    text = data.decode() if change is None else data.decode().replace(*change)

    spelt = "GiấyPhép" if "GiấyPhép" in text else unicodedata.normalize("NFD", "GiấyPhép")
    ids = [f"urn:x:{spelt}", "http://uri.etsi.org/01903/v1.3.2#:SignedProperties"]
    theirs = xmlsec_agrees(text.encode(), *ids)

    assert theirs is (desk.verdict(text.encode()).indication is PASSED) is (change is None)


@xmlsec1
@pytest.mark.parametrize("tampered", [False, True], ids=["sound", "tampered"])
def test_xmlsec_agrees_on_the_envelope_of_edxml(desk, seal, xmlsec_agrees, tampered):
    data = sealed_edxml(edxml({"cv.pdf": desk.issued(plain_pdf())}), seal)
    data = data.replace(b"CodeNumber>125", b"CodeNumber>126", 1) if tampered else data

    assert xmlsec_agrees(data) is (desk.verdict(data).indication is PASSED) is (not tampered)


@xmlsec1
@pytest.mark.parametrize("kind", ["docx", "xlsx", "pptx"])
def test_xmlsec_agrees_on_the_signature_part_of_a_package(seal, xmlsec_agrees, kind):
    """It sees the part alone: the objects in it and the value, not what the manifest lists."""
    part = signed_parts(seal, kind)[SIGNATURE]
    ids = [
        "http://www.w3.org/2000/09/xmldsig#:Object",
        "http://uri.etsi.org/01903/v1.3.2#:SignedProperties",
    ]

    assert xmlsec_agrees(part, *ids) is True
    assert xmlsec_agrees(part.replace(b"<Manifest>", b"<Manifest> ", 1), *ids) is False


# --- pdfsig --------------------------------------------------------------------------------------------


@pytest.fixture
def pdfsig_says(tmp_path):
    def verify(pdf):
        (tmp_path / "signed.pdf").write_bytes(pdf)
        said = run("pdfsig", "-nocert", tmp_path / "signed.pdf").stdout.decode(errors="replace")
        return [
            line.partition(":")[2].strip() for line in said.splitlines() if "Signature Validation" in line
        ]

    return verify


SOUND = {
    "PAdES B-B": lambda d: d.signed(),
    "PAdES B-T": lambda d: d.signed(timestamper=d.stamped()),
    "adbe.pkcs7.detached": lambda d: d.signed(pades=False),
    "leader then seal": lambda d: d.issued(),
    "SHA-512": lambda d: d.signed(digest="sha512"),
}


@pdfsig
@pytest.mark.parametrize("name", SOUND)
def test_pdfsig_agrees_on_sound_files(desk, pdfsig_says, name):
    pdf = SOUND[name](desk)
    report = desk.verdict(pdf)

    assert report.indication is PASSED
    assert pdfsig_says(pdf) == ["Signature is Valid."] * len(report.signatures)


@pdfsig
@pytest.mark.parametrize("name", SOUND)
def test_pdfsig_agrees_on_changed_bytes(desk, pdfsig_says, name):
    pdf = SOUND[name](desk)
    pdf = flipped_at(pdf, pdf.index(b"Van ban mau"))

    assert desk.verdict(pdf).indication is Indication.TOTAL_FAILED
    assert "Signature is Valid." not in pdfsig_says(pdf)
