"""Files that only look unsigned, CMS with members of no place, and honest XML that was refused (round 5)."""

import shutil
import subprocess
import unicodedata
import zipfile
from base64 import encodebytes
from io import BytesIO

import pytest
from lxml import etree

from ebrvt_connect.api import sign_xml, signed_content
from ebrvt_connect.testing.sample_files import archive_zip
from ebrvt_connect.testing.sample_signed import signed_cms
from ebrvt_connect.trust.cms_content import open_signed_data
from ebrvt_connect.trust.extensions import is_of_another_kind
from ebrvt_connect.trust.packet_siblings import is_without_signature
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.signed_data import CmsMalformed, load_signed_data
from ebrvt_connect.trust.verdict import DocumentKind
from tests.unit.trust.samples import AGENCY, AT, plain_pdf
from tests.unit.trust.xml_samples import INCLUSIVE, codes

EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
CANONICAL_11 = "http://www.w3.org/2006/12/xml-c14n11"
OID = "06092a864886f70d01070"
PAD = b"x" * 78 + b"\n"


@pytest.fixture(scope="module")
def seal(pki):
    return pki.signer(AGENCY)


@pytest.fixture(scope="module")
def xml(seal):
    return sign_xml(b"<r><a>1</a><b>x</b></r>", seal, signed_at=AT)


@pytest.fixture(scope="module")
def p7m(seal):
    return signed_cms(b"A" * 500 + b"B" * 500, [seal], signed_at=AT)


def zipped(**parts):
    made = BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/") + ".xml", content)
    return made.getvalue()


# --- (2) surely no signature -------------------------------------------------------------------------

HIDDEN = {  # of a signed XML and a CMS file
    "PDF behind text": lambda _x, _p: b"% " + PAD * 60 + plain_pdf(),
    "ASiC": lambda x, _p: zipped(**{"META-INF__signatures001": x}),
    "ODF": lambda x, _p: zipped(**{"META-INF__documentsignatures": x}),
    "content types in lower case": lambda _x, _p: zipped(**{"[content_types]": b"<x/>"}),
    "PEM behind words": lambda _x, p: b"subject=/CN=x\n-----BEGIN PKCS7-----\n" + encodebytes(p),
    "PEM of an old name": lambda _x, p: b"-----BEGIN PKCS #7-----\n" + encodebytes(p),
    "Base64 behind words": lambda _x, p: b"abc\n" + encodebytes(p),
    "long headers": lambda _x, p: (
        b"From: a@b\n" + b"Received: x\n" * 400 + b"Content-Type: application/PKCS7-mime\n\n" + encodebytes(p)
    ),
    "multipart behind long headers": lambda _x, _p: b"A: b\n" * 900 + b"Content-Type: Multipart/Signed\n\nx",
    "two marks of order": lambda x, _p: b"\xef\xbb\xbf" * 2 + x,
    "words in front": lambda x, _p: b"abc " + x,
    "invisible in front": lambda x, _p: "\u200b".encode() + x,
    "old Word": lambda _x, _p: bytes.fromhex("d0cf11e0a1b11ae1") + "_xmlsignatures".encode("utf-16-le"),
    "DTD": lambda x, _p: b"<!DOCTYPE r [<!ATTLIST r x CDATA '1'>]>" + x.replace(b"xmldsig", b"xmlds&#105;g"),
    "entity": lambda _x, _p: b"<!DOCTYPE r [<!ENTITY s '&#60;d:Sign&#97;ture/>'>]><r>&s;</r>",
    "undeclared prefix": lambda x, _p: large(x).replace(
        b'xmlns:ds="http://www.w3.org/2000/09/xmldsig#"', b""
    ),
    "blank in the namespace": lambda x, _p: large(x).replace(
        b'"http://www.w3.org/2000', b'" http://www.w3.org/2000'
    ),
}


def large(xml):
    return xml.replace(b"<b>x</b>", b"<b>" + b"x" * 1_100_000 + b"</b>")


@pytest.mark.parametrize("hidden", HIDDEN.values(), ids=HIDDEN)
def test_what_may_be_signed_is_never_surely_unsigned(desk, xml, p7m, hidden):
    report = desk.verdict(hidden(xml, p7m))

    assert not is_without_signature(report)
    assert "SIGNED_DATA_NOT_FOUND" not in codes(report)


@pytest.mark.parametrize("name", ["đơn", "Đơn", "_đơn", "don"])
def test_a_root_with_letters_of_vietnamese_is_xml_without_a_declaration(desk, seal, name):
    signed = sign_xml(f"<{name}><a>1</a></{name}>".encode(), seal, signed_at=AT)

    assert signed.startswith(b"<" + name.encode())
    assert desk.verdict(signed).indication == "TOTAL_PASSED"
    assert codes(desk.verdict(signed.replace(b"<a>1<", b"<a>2<"))) == ["HASH_MISMATCH"]


@pytest.mark.parametrize(
    "plain",
    [
        archive_zip(),
        b"\x89PNG\r\n\x1a\n",
        b"id,name\n1,Signature\n",
        "Người ký (Signature): ....".encode(),
        zipped(cover=PAD * 20, scan=plain_pdf()),
        b"<!DOCTYPE html><p>Signature &amp; seal",
    ],
    ids=["zip", "png", "csv", "txt", "zip of a PDF", "page"],
)
def test_honest_plain_files_are_still_plainly_unsigned(desk, plain):
    assert is_without_signature(desk.verdict(plain))


@pytest.mark.parametrize("ending", ["pdf", "docx", "xlsx", "pptx", "xml", "p7m", "p7s"])
def test_a_text_under_the_name_of_a_judged_kind_is_of_another(ending):
    assert is_of_another_kind(f"phu-luc.{ending}", DocumentKind.UNKNOWN)


@pytest.mark.parametrize("ending", ["txt", "csv", "zip", "png", "doc", "bin", "html"])
def test_of_other_names_nothing_is_said_where_the_kind_is_unknown(ending):
    assert not is_of_another_kind(f"phu-luc.{ending}", DocumentKind.UNKNOWN)


# --- (4) and (10) members of CMS ---------------------------------------------------------------------


def der(tag, *members):
    content = b"".join(members)
    size = len(content)
    length = size.to_bytes((size.bit_length() + 7) // 8 or 1)
    return bytes([tag, size] if size < 0x80 else [tag, 0x80 | len(length), *length]) + content


def built(p7m, content, **more):
    """The same signed data around other content, with more behind it on the level named."""
    signed = load_signed_data(p7m)
    algorithms, signer = signed["digest_algorithms"].contents, signed["signer_infos"][0].contents
    encapsulated = der(
        0x30, bytes.fromhex(OID + "1"), der(0xA0, content, more.get("explicit", b"")), more.get("inside", b"")
    )
    members = (
        signed["version"].dump(),
        der(0x31, algorithms, more.get("algorithms", b"")),
        encapsulated,
        der(0xA0, signed["certificates"].contents, more.get("certificates", b"")),
        der(0x31, der(0x30, signer, more.get("signer", b""))),
        more.get("signed", b""),
    )
    info = der(0xA0, der(0x30, *members), more.get("outer", b""))
    return der(0x30, bytes.fromhex(OID + "2"), info, more.get("file", b""))


LEVELS = ["explicit", "inside", "algorithms", "certificates", "signer", "signed", "outer", "file"]


def test_what_is_built_anew_passes(desk, p7m):
    assert desk.verdict(built(p7m, open_octets(p7m))).indication == "TOTAL_PASSED"


def open_octets(p7m):
    return der(0x04, bytes(open_signed_data(p7m).content))


@pytest.mark.parametrize(
    "stranger", [b"\x04\x04EVIL", b"\xa0\x06\x04\x04EVIL", b"\xa3\x06\x04\x04EVIL", b"\0\0"]
)
@pytest.mark.parametrize("level", LEVELS)
def test_nothing_strange_stands_on_any_level(desk, p7m, level, stranger):
    report = desk.verdict(built(p7m, open_octets(p7m), **{level: stranger}))

    assert codes(report) == ["CMS_MALFORMED"]


@pytest.mark.parametrize("level", LEVELS)
def test_so_it_is_in_a_pdf_and_a_timestamp(p7m, level):
    with pytest.raises(CmsMalformed):
        load_signed_data(built(p7m, open_octets(p7m), **{level: b"\x04\x04EVIL"}) + b"\0\0", padding=b"\0")


@pytest.mark.parametrize("times", [1, 80], ids=["small", "large"])
def test_content_in_pieces_of_told_length_is_the_same_at_every_size(desk, trust, seal, times):
    content = b"A" * 1000 * times
    whole = signed_cms(content, [seal], signed_at=AT)
    half = len(content) // 2
    pieces = built(whole, der(0x24, der(4, content[:half]), der(4, content[half:])))

    taken = signed_content(pieces, policy=VN_2025, trust=trust, at=AT)

    assert taken.report.indication == "TOTAL_PASSED"
    assert [p.octets for p in taken.parts] == [content]


# --- (8) attributes that inclusive canonicalization inherits ------------------------------------------


@pytest.fixture(scope="module")
def signed_by_xmlsec1(tmp_path_factory, pki, seal):
    if shutil.which("xmlsec1") is None:
        pytest.skip("xmlsec1 is not installed: sudo apt-get install xmlsec1")
    folder = tmp_path_factory.mktemp("xmlsec1")
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    own = seal.certificates_der[0]
    stems = [path.stem for path in (pki.folder / "keys").iterdir()]
    people = (pki.identity(stem) for stem in stems if AGENCY in stem and "agency-good" in stem)
    person = next(p for p in people if p.certificate.public_bytes(Encoding.DER) == own)
    key = person.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key").write_bytes(key)
    (folder / "crt").write_bytes(person.certificate.public_bytes(Encoding.PEM))

    def sign(document, uri, c14n):
        (folder / "in").write_text(document.replace("@", template(uri, c14n)), encoding="utf-8")
        keys = f"{folder / 'key'},{folder / 'crt'}"
        how = ["--sign", "--id-attr:Id", "n", "--privkey-pem", keys, "--output", folder / "out"]
        subprocess.run(["xmlsec1", *how, folder / "in"], check=True, capture_output=True, timeout=60)
        return (folder / "out").read_bytes()

    return sign


def template(uri, c14n):
    ds, more = "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2001/04/"
    return (
        f'<ds:Signature xmlns:ds="{ds}"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{c14n}"/>'
        f'<ds:SignatureMethod Algorithm="{more}xmldsig-more#rsa-sha256"/><ds:Reference URI="{uri}">'
        "<ds:Transforms>"
        f'<ds:Transform Algorithm="{ds}enveloped-signature"/><ds:Transform Algorithm="{c14n}"/>'
        "</ds:Transforms>"
        f'<ds:DigestMethod Algorithm="{more}xmlenc#sha256"/><ds:DigestValue/></ds:Reference></ds:SignedInfo>'
        "<ds:SignatureValue/><ds:KeyInfo><ds:X509Data/></ds:KeyInfo></ds:Signature>"
    )


@pytest.mark.parametrize("uri", ["", "#p1"], ids=["whole", "part"])
@pytest.mark.parametrize("c14n", [INCLUSIVE, EXCLUSIVE, CANONICAL_11], ids=["1.0", "exclusive", "1.1"])
@pytest.mark.parametrize("inherited", ['xml:lang="vi"', 'xml:space="preserve"', 'xml:id="k"'])
def test_what_a_root_says_of_all_below_is_signed_as_xmlsec1_has_it(
    desk, signed_by_xmlsec1, inherited, c14n, uri
):
    data = signed_by_xmlsec1(f'<r {inherited}><n Id="p1"><a>Đơn</a></n>@</r>', uri, c14n)

    wrong = {"HASH_MISMATCH", "SIGNATURE_VALUE_WRONG"}
    assert not wrong & set(codes(desk.verdict(data)))
    assert wrong & set(codes(desk.verdict(data.replace(b"</a>", b"x</a>"))))
    if c14n != EXCLUSIVE and not ("xml:id" in inherited and c14n == CANONICAL_11 and uri):
        assert wrong & set(codes(desk.verdict(data.replace(inherited.encode(), b"", 1))))


def test_an_inherited_base_that_would_have_to_be_joined_is_undecided(desk, signed_by_xmlsec1):
    data = signed_by_xmlsec1('<r xml:base="http://a/b"><n Id="p1"><a>1</a></n>@</r>', "#p1", CANONICAL_11)

    assert codes(desk.verdict(data)) == ["ALGORITHM_NOT_CHECKED"]


# --- (9) Ids in letters of Vietnamese -----------------------------------------------------------------


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("name", ["Đơn-1", "đ1", "phần-1"])
def test_an_id_in_vietnamese_is_an_id_as_written(desk, seal, name, form):
    name, other = (unicodedata.normalize(f, name) for f in (form, {"NFC": "NFD", "NFD": "NFC"}[form]))
    signed = sign_xml(f'<r><n Id="{name}"><a>1</a></n></r>'.encode(), seal, signed_at=AT, part_id=name)

    assert desk.verdict(signed).indication == "TOTAL_PASSED"
    if other != name:
        renamed = signed.replace(f'<n Id="{name}"'.encode(), f'<n Id="{other}"'.encode())
        assert codes(desk.verdict(renamed)) == ["XML_REFERENCE_REFUSED"]


# --- (13b) what is around a signed part ---------------------------------------------------------------


def test_the_names_around_a_signed_part_are_told_as_they_stand(desk, seal):
    signed = sign_xml(b'<r><n Id="p1"><a>1</a></n></r>', seal, signed_at=AT, part_id="p1")
    root = etree.fromstring(signed)
    root.set("Id", "DA_THU_HOI")
    holder = etree.SubElement(root, "quyetDinhBiHuy")
    holder.append(root[1])

    report = desk.verdict(etree.tostring(root))

    told = " ".join(f.message_vi for f in report.all_findings() if f.code == "XML_ENVELOPE_UNSIGNED")
    assert "quyetDinhBiHuy" in told
    assert "DA_THU_HOI" in told
