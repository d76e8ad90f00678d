"""XML is read and proven by short cuts: they say nothing that the long way and signxml do not say too.

Every other test of XML and Office files watches the same of its own files (`conftest`): attacks, wrapped
packages, hostile archives.
"""

import random
from base64 import b64encode
from io import BytesIO
from zipfile import ZipFile

import pytest
from cryptography.x509 import InvalidVersion
from lxml import etree
from signxml import DigestAlgorithm, SignatureMethod, XMLSigner, methods

from ebrvt_connect.testing.sample_ooxml import packed
from ebrvt_connect.testing.sample_signed import result_paper_xml, signed_xml
from ebrvt_connect.trust import xml_signature
from ebrvt_connect.trust.policy import VN_2025
from ebrvt_connect.trust.sound_xml import plainly_signed
from ebrvt_connect.trust.verdict import Indication
from ebrvt_connect.trust.xml_reading import (
    XmlRefused,
    _plain_root,
    read_root,
    read_signature,
    signature_elements,
)
from ebrvt_connect.trust.xmldsig import sign_packet
from tests.torture.mutations import anything
from tests.unit.trust.both_ways import (
    held_by_signxml,
    no_short_cuts,
    read_strictly,
    short_cuts_watched,
    whole,
)
from tests.unit.trust.ooxml_samples import SIGNATURE, signed
from tests.unit.trust.samples import AGENCY
from tests.unit.trust.xades_samples import xades_signed
from tests.unit.trust.xml_samples import (
    DS,
    ENVELOPED,
    EXCLUSIVE,
    INCLUSIVE,
    SHA1,
    in_soap,
    packet,
    reference,
    resigned,
    signature,
    with_signature,
    x509_data,
)

INCLUSIVE_11 = "http://www.w3.org/2006/12/xml-c14n11"
MUTATIONS, VERDICTS = 2000, 400


@pytest.fixture(scope="module")
def identity(pki):
    return pki.identity(f"{AGENCY}-agency-good")


def signed_by_signxml(identity, xml=None, uri="pkt-1", always_add_key_value=False, **how):
    root = XMLSigner(**how).sign(
        etree.fromstring(packet() if xml is None else xml),
        key=identity.key,
        cert=[identity.certificate],
        reference_uri=uri,
        always_add_key_value=always_add_key_value,
    )
    return etree.tostring(root)


@pytest.fixture(scope="module")
def plain(desk, pki, seal, identity):
    """Sound files of all usual forms."""
    people = [pki.signer(AGENCY, role="person"), seal]
    small = sign_packet(packet(), seal, reference_id="pkt-1")
    default = packet().replace(b"r:", b"").replace(b":r=", b"=")
    package = signed(seal)
    forms = {
        "packet": small,
        "default namespace": sign_packet(default, seal, reference_id="pkt-1"),
        "in SOAP": in_soap(small),
        "beside": signed_xml(result_paper_xml("Giấy phép", {"Số": "1"}), people),
        "XAdES": xades_signed(seal, packet(), timestamper=desk.stamped()),
        "office": package[SIGNATURE],
        "enveloping": etree.tostring(
            XMLSigner(method=methods.enveloping, c14n_algorithm=INCLUSIVE).sign(
                etree.fromstring("<a>noi dung</a>"), key=identity.key, cert=[identity.certificate]
            )
        ),
        "whole document": signed_by_signxml(identity, uri=None, c14n_algorithm=EXCLUSIVE),
        "sha512": signed_by_signxml(
            identity,
            signature_algorithm=SignatureMethod.RSA_SHA512,
            digest_algorithm=DigestAlgorithm.SHA384,
        ),
    }
    for c14n in (INCLUSIVE, INCLUSIVE_11, EXCLUSIVE):
        forms[f"signxml, {c14n}"] = signed_by_signxml(identity, c14n_algorithm=c14n)
        forms[f"signxml, {c14n}, default namespace"] = signed_by_signxml(
            identity, default, c14n_algorithm=c14n
        )
    return forms


def settled(data):
    """(what the short cut proves, what signxml says) of each signature that reads; the tree both ways."""
    quick, strict = _plain_root(data), read_strictly(data)
    assert quick is None or (strict is not None and whole(quick) == whole(strict)), data
    try:
        root = read_root(data)
        found = [read_signature(e, VN_2025) for e in signature_elements(root, len(data), VN_2025)]
    except (XmlRefused, InvalidVersion):
        return []
    leaves = [s.certificates[0] for s in found]
    return [
        (plainly_signed(s, leaf), held_by_signxml(s, leaf)) for s, leaf in zip(found, leaves, strict=True)
    ]


def test_usual_forms_are_proven_over_the_octets_that_signxml_takes(plain):
    for form, data in plain.items():
        answers = settled(data)
        assert answers, form
        for ours, theirs in answers:
            assert ours, form
            assert ours == theirs, form


def test_files_pass_alike_with_and_without_short_cuts(desk, plain):
    passed = 0
    for form, data in plain.items():
        quick = desk.verdict(data)
        with no_short_cuts():
            assert quick == desk.verdict(data), form
        passed += quick.indication is Indication.TOTAL_PASSED

    assert passed


# --- what the short cut leaves to signxml ----------------------------------------------------------------


def key_value(seal, identity):
    return signed_by_signxml(identity, always_add_key_value=True)


def pss(seal, identity):
    return signed_by_signxml(identity, signature_algorithm=SignatureMethod.SHA256_RSA_MGF1)


def sha3(seal, identity):
    return signed_by_signxml(identity, digest_algorithm=DigestAlgorithm.SHA3_256)


def sha1(seal, identity):
    return resigned(seal, change={"digest_uri": SHA1, "digest": "sha1"})


def id_in_a_namespace(seal, identity):
    xml = packet().replace(b" Id=", b' xmlns:u="urn:u" u:Id=')
    return resigned(seal, xml)


def prefixes_named(seal, identity):
    named = '<i:InclusiveNamespaces xmlns:i="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="r"/>'
    root = etree.fromstring(packet())
    return with_signature(packet(), signature([reference(root, transforms=(EXCLUSIVE,), inside=named)], seal))


@pytest.mark.parametrize("form", [key_value, pss, sha3, sha1, id_in_a_namespace])
def test_unusual_forms_are_left_to_signxml_which_holds_them(seal, identity, form):
    ((ours, theirs),) = settled(form(seal, identity))

    assert not ours
    assert theirs


def test_named_prefixes_are_never_proven(seal, identity):
    assert [ours for ours, _ in settled(prefixes_named(seal, identity))] == [()]


def text_behind_the_target(data):
    return in_soap(data + b"khac")


def text_behind_the_signature(data):
    return data.replace(b"</ds:Signature>", b"</ds:Signature>khac")


def element_in_the_value(data):
    return data.replace(b"</ds:SignatureValue>", b"<x/></ds:SignatureValue>")


def value_of_another_length(data):
    at = data.index(b"<ds:SignatureValue>") + len(b"<ds:SignatureValue>")
    return data[:at] + b64encode(bytes(24)) + data[data.index(b"</ds:SignatureValue>") :]


def id_spelt_as_nobody_does(data):
    return data.replace(b" Id=", b" iD=")


def content_changed(data):
    return data.replace(b"21.37", b"21.38")


def content_behind_the_signature(data):
    return data.replace(b"</r:ReportPacket>", b"<r:more/></r:ReportPacket>")


def digest_changed(data):
    return data.replace(b"<ds:DigestValue>", b"<ds:DigestValue>AAAA")


def another_method_named(data):
    return data.replace(b"rsa-sha256", b"rsa-sha512")


def another_canonicalization_named(data):
    return data.replace(EXCLUSIVE.encode(), INCLUSIVE.encode(), 1)


def one_transform_less(data):
    return data.replace(f'<ds:Transform Algorithm="{ENVELOPED}"/>'.encode(), b"")


@pytest.mark.parametrize(
    "change",
    [
        text_behind_the_target,
        text_behind_the_signature,
        element_in_the_value,
        value_of_another_length,
        id_spelt_as_nobody_does,
        content_changed,
        content_behind_the_signature,
        digest_changed,
        another_method_named,
        another_canonicalization_named,
        one_transform_less,
    ],
)
def test_of_what_is_changed_nothing_is_proven(plain, change):
    data = change(plain["packet"])

    assert data != plain["packet"]
    assert not any(ours for ours, _ in settled(data))


def test_the_certificate_in_hand_is_the_one_that_counts(plain, pki):
    (element,) = signature_elements(read_root(plain["packet"]), 1, VN_2025)
    found = read_signature(element, VN_2025)
    other = pki.identity(f"{AGENCY}-person-good").certificate

    assert plainly_signed(found, found.certificates[0])
    assert not plainly_signed(found, other)


# --- forms and mutations by chance -----------------------------------------------------------------------


def made_by_chance(chance, seal):
    """A sound signature over something, of this form or another."""
    prefix = chance.choice(("", "r:"))
    declared = f'xmlns{":r" if prefix else ""}="urn:x"'
    inner = chance.choice(
        ("a", "<b/>", "<b xmlns=''>x</b>", "<!-- c -->t", "<![CDATA[<&]]>", "&#13;&#9;é", "<é/>", "<?p é?>")
    )
    attributes = chance.choice(("", ' xml:lang="vi"', ' xmlns:u="urn:u" u:z="1"', ' b="&#10;" a=" x "'))
    spelt = chance.choice(("Id", "ID", "id", "xml:id", "iD"))
    target = f'<{prefix}t {spelt}="n1"{attributes}>{inner}</{prefix}t>'
    text = chance.choice(("", "\n", " \t"))
    outer = chance.choice(("", ' xml:space="preserve"', ' xmlns:v="urn:v"', ' é="1"', ' xmlns:é="urn:e"'))
    document = f"<{prefix}d {declared}{outer}>{text}{target}{text}@{text}</{prefix}d>"
    methods_of_it = [chance.choice((INCLUSIVE, INCLUSIVE_11, EXCLUSIVE)) for _ in range(2)]
    transforms = chance.choice(((methods_of_it[0],), (), (ENVELOPED,), (ENVELOPED, methods_of_it[0])))
    uri = chance.choice(("", "#n1"))
    whole_document = etree.fromstring(document.replace("@", ""))
    about = whole_document if not uri else whole_document[0]
    alone = etree.fromstring(etree.tostring(about, encoding="UTF-8", with_tail=False))
    exclusive = EXCLUSIVE in transforms
    octets = etree.tostring(alone, method="c14n", exclusive=exclusive, with_comments=False)
    listed = "".join(f'<ds:Transform Algorithm="{t}"/>' for t in transforms)
    listed = f"<ds:Transforms>{listed}</ds:Transforms>" if listed else ""
    algorithm = chance.choice(("sha256", "sha512"))
    digest = DigestAlgorithm[algorithm.upper()]
    made = b64encode(xml_signature.new_hash(algorithm, octets).digest()).decode()
    info = (
        f'<ds:SignedInfo xmlns:ds="{DS}"><ds:CanonicalizationMethod Algorithm="{methods_of_it[1]}"/>'
        '<ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>'
        f'<ds:Reference URI="{uri}">{listed}<ds:DigestMethod Algorithm="{digest.value}"/>'
        f"<ds:DigestValue>{made}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
    )
    shown = document.replace("@", f'<ds:Signature xmlns:ds="{DS}">{info}@</ds:Signature>')
    place = etree.fromstring(shown).find(f".//{{{DS}}}SignedInfo")
    alone = etree.fromstring(etree.tostring(place, encoding="UTF-8", with_tail=False))
    canonical = etree.tostring(alone, method="c14n", exclusive=methods_of_it[1] == EXCLUSIVE)
    value = seal.sign_digest(xml_signature.new_hash("sha256", canonical).digest(), "sha256")
    rest = f"<ds:SignatureValue>{b64encode(value).decode()}</ds:SignatureValue>"
    return shown.replace("@", rest + x509_data(seal.certificates_der)).encode()


def test_forms_by_chance_are_proven_only_where_signxml_holds_them(seal):
    chance, proven, held = random.Random(12), 0, 0
    for _ in range(400):
        for ours, theirs in settled(made_by_chance(chance, seal)):
            assert not ours or ours == theirs
            proven, held = proven + bool(ours), held + bool(theirs)

    assert held > 100
    assert proven > held / 3


def test_mutations_are_proven_only_where_signxml_holds_them(plain):
    chance, files, proven = random.Random(4), list(plain.values()), 0
    for n in range(MUTATIONS):
        for ours, theirs in settled(anything(files[n % len(files)], chance)):
            assert not ours or ours == theirs
            proven += bool(ours)

    assert proven > MUTATIONS / 100


def test_mutations_are_judged_alike_with_and_without_short_cuts(desk, plain, seal):
    chance = random.Random(7)
    packages = [packed(signed(seal, kind)) for kind in ("docx", "xlsx")]
    files = [*plain.values(), *packages]
    for n in range(VERDICTS):
        data = files[n % len(files)]
        changed = in_package(data, chance) if data in packages else anything(data, chance)
        with short_cuts_watched() as differences:
            quick = desk.verdict(changed)
        with no_short_cuts():
            assert quick == desk.verdict(changed)
        assert not differences


def in_package(data, chance):
    """The signature part mutated, and packed again."""
    with ZipFile(BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    return packed({**parts, SIGNATURE: anything(parts[SIGNATURE], chance)})


# --- reading ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"<a>" * 65 + b"</a>" * 65,
        b'<a xmlns:p="urn:%s" %s/>' % (b"x" * 3000, b" ".join(b'p:a%d=""' % n for n in range(25))),
        b"<!DOCTYPE a><a/>",
        b'<?xml version="1.0" encoding="utf-16"?><a/>',
        b'<?xml version="1.0" encoding="iso-8859-1"?><a>\xe9</a>',
        b"\xef\xbb\xbf<a/>",
        b" <a/>",
        b"<a>&b;</a>",
        b"<a>\xff</a>",
        b"<a/>" + b" " * 65536,
    ],
)
def test_what_is_past_a_limit_or_unusual_is_read_strictly(data):
    assert _plain_root(data) is None


@pytest.mark.parametrize(
    "data",
    [
        b"<a>" * 64 + b"</a>" * 64,
        b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n<a x="1"><!-- c --><?p i?></a><!--d-->',
        b'<a xml:lang="vi" xmlns:x="urn:x" x:y="1">&lt;&#233;</a>',
    ],
)
def test_what_is_small_and_plain_is_read_at_once(data):
    assert whole(_plain_root(data)) == whole(read_strictly(data))
