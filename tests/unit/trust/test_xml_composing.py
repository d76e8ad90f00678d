"""What is signed here: the bytes around it stay, what cannot be signed soundly is refused, others agree."""

import shutil
import subprocess

import pytest
from signxml import XMLVerifier

from ebrvt_connect.testing.sample_signed import result_paper_xml, signed_xml
from ebrvt_connect.trust.anchors import store_of_anchors
from ebrvt_connect.trust.verdict import Indication
from ebrvt_connect.trust.xmldsig import sign_packet, sign_part, sign_whole
from tests.unit.trust.samples import AGENCY
from tests.unit.trust.xml_samples import (
    DS,
    NS,
    VECTORS,
    in_soap,
    packet,
)

PASSED, UNCLEAR, FAILED = Indication
SAMPLE = (VECTORS / "sample_submit.xml").read_bytes()
REFORMATTED = (VECTORS / "signature_broken_by_pretty_printing.xml").read_bytes()
SAMPLE_TRUST = store_of_anchors([(VECTORS / "sample_submit.crt.pem").read_bytes()])


@pytest.fixture(scope="module")
def identity(pki):
    return pki.identity(f"{AGENCY}-agency-good")


@pytest.fixture(scope="module")
def signed(seal):
    return sign_packet(packet(), seal, reference_id="pkt-1")


def warnings(report):
    return [f.code for f in report.all_findings() if f.severity == "warning"]


# --- composing -----------------------------------------------------------------------------------------


def test_signing_adds_the_signature_and_changes_nothing_else(signed):
    start = signed.index(b"<ds:Signature ")

    assert signed[:start] + b"</r:ReportPacket>" == packet()
    assert signed.endswith(b"</ds:Signature></r:ReportPacket>")


def test_signing_twice_gives_the_same_bytes(seal, signed):
    assert sign_packet(packet(), seal, reference_id="pkt-1") == signed


@pytest.mark.parametrize(
    ("data", "reference_id"),
    [
        (packet(), "pkt-2"),
        (packet(), "1pkt"),
        (packet(), ""),
        (packet(), "pkt-1'"),
        (packet().replace(b"<r:body>", b"<r:body><!-- x -->"), "pkt-1"),
        (packet().replace(b"<r:body>", b"<r:body><?x y?>"), "pkt-1"),
        (b"<!-- x -->" + packet(), "pkt-1"),
        (packet() + b"<?x y?>", "pkt-1"),
        (packet().replace(b"<r:body>", b'<r:body ID="pkt-1">'), "pkt-1"),
        (packet().replace(b' Id="pkt-1"', b' id="pkt-1"'), "pkt-1"),
        (packet().replace(b"<r:body>", f'<r:body><Signature xmlns="{DS}"/>'.encode()), "pkt-1"),
        (b"<!DOCTYPE r>" + packet(), "pkt-1"),
        (packet()[:-3], "pkt-1"),
        (b"", "pkt-1"),
        (b"<w>" + packet() + b"</w>", "pkt-1"),
    ],
)
def test_what_cannot_be_signed_soundly_is_a_mistake(seal, data, reference_id):
    with pytest.raises(ValueError, match=r"expected|XML"):
        sign_packet(data, seal, reference_id=reference_id)


def test_a_part_that_is_the_whole_cannot_have_its_signature_beside_it(seal):
    with pytest.raises(ValueError, match="further down"):
        sign_part(packet(), seal, reference_id="pkt-1")


# --- agreement with others -----------------------------------------------------------------------------


def test_signxml_takes_what_is_signed_here(identity, signed):
    result = XMLVerifier().verify(signed, x509_cert=identity.certificate)

    assert result.signed_xml.get("Id") == "pkt-1"


@pytest.mark.skipif(shutil.which("xmlsec1") is None, reason="xmlsec1 is not installed")
@pytest.mark.parametrize("tampered", [False, True])
@pytest.mark.parametrize("kind", ["packet", "part", "whole", "enveloped"])
def test_xmlsec1_agrees(tmp_path, pki, desk, seal, signed, kind, tampered):
    made = {
        "packet": lambda: (signed, f"{NS}:ReportPacket"),
        "part": lambda: (
            signed_xml(result_paper_xml("Kết quả", {"Số": "21.37"}), [seal]),
            "urn:ebrvt:sandbox:result:1:noiDung",
        ),
        "whole": lambda: (sign_whole(b"<k xmlns='urn:a'>\n <so>21.37</so>\n</k>", seal), "urn:a:k"),
        "enveloped": lambda: (in_soap(signed), f"{NS}:ReportPacket"),
    }
    data, element = made[kind]()
    data = data.replace(b"21.37", b"21.38") if tampered else data
    (tmp_path / "signed.xml").write_bytes(data)
    root = pki.trust_folder / "government" / "root.crt"

    ended = subprocess.run(
        ["xmlsec1", "--verify", "--id-attr:Id", element, "--trusted-pem", root, tmp_path / "signed.xml"],
        capture_output=True,
        check=False,
    )

    assert (ended.returncode == 0) is (not tampered)
    wrapped = kind == "enveloped"  # as a file it is more than its signature speaks for
    assert (desk.verdict(data).indication is PASSED) is (not tampered and not wrapped)
