"""edXML written in the vendor's very form, checked before the first byte, the same bytes every time."""

import base64
import hashlib
import io
import re
import zipfile
from datetime import UTC, date, datetime

import pytest

from ebrvt_connect.codec.edxml_write import write_document, write_status
from ebrvt_connect.errors import HeldForPerson, InvalidValue
from ebrvt_connect.model.document import (
    Business,
    BusinessKind,
    Confidentiality,
    DocumentReference,
    DocumentType,
    TraceHop,
)
from ebrvt_connect.model.ids import AgencyCode

PASSED_AT = datetime(2019, 8, 9, 3, 11, 12, tzinfo=UTC)
CONTENT = re.compile(rb"<edXML:ContentTransferEncoded[^>]*>([^<]*)<")


@pytest.fixture
def built_full(vectors):
    return (vectors / "edxml/vendor-writer/built_full.edxml").read_bytes()


@pytest.fixture
def document(built_full, read):
    """What the vendor's own sample says, without the hop its writer added."""
    return read(built_full).record.model_copy(update={"trace": ()})


@pytest.fixture
def written(blobs):
    def write(document, **kwargs):
        return b"".join(write_document(document, blobs, **{"passed_at": PASSED_AT, **kwargs}))

    return write


@pytest.fixture
def status(status_example, read):
    return read(status_example).record


def refused(write, value):
    with pytest.raises(InvalidValue) as refusal:
        write(value)
    return refusal.value


def change(value, **fields):
    return value.model_copy(update=fields)


# The vendor's form.


def test_a_document_is_byte_for_byte_what_the_vendors_library_writes(document, written, built_full):
    """But for the packet's own id, and the name and time inside the ZIP."""
    ours, theirs = written(document), built_full
    assert CONTENT.sub(b"", re.sub(rb'List id="[^"]+"', b"List", ours)) == CONTENT.sub(
        b"", theirs.replace(b'List id="abc"', b"List")
    )
    plain, wrapped = CONTENT.findall(ours)
    their_plain, their_wrapped = CONTENT.findall(theirs)
    assert plain == their_plain
    ours_zip, their_zip = base64.b64decode(wrapped), base64.b64decode(their_wrapped)
    name, their_name = (zipfile.ZipFile(io.BytesIO(packed)).namelist()[0] for packed in (ours_zip, their_zip))
    time_of_theirs, our_time = their_zip[10:14], ours_zip[10:14]
    assert ours_zip.replace(name.encode(), their_name.encode()).replace(our_time, time_of_theirs) == their_zip


def test_a_status_is_byte_for_byte_the_sample_but_for_line_ends(status, status_example):
    packet = write_status(status)
    assert packet.replace(b"\r\n", b"\n") == status_example.encode()
    assert packet.count(b"\n") == packet.count(b"\r\n")


def test_a_document_without_files_has_empty_elements_in_the_vendors_form(document, written, vectors):
    packet = written(change(document, attachments=()))
    assert b'      <edXML:edXMLManifest version="1.0" />\r\n' in packet
    assert packet.endswith(b"  <AttachmentEncoded />\r\n</edXML>\r\n")


def test_the_sample_document_comes_back_as_it_was(example, read, written):
    record = read(example).record
    again = read(written(change(record, trace=()), passed_at=record.trace[0].passed_at)).record
    assert again == record


def test_preparing_twice_gives_the_same_bytes(document, written):
    assert written(document) == written(document)


def test_a_file_in_another_document_gets_another_id(document, written):
    bare = change(document, attachments=tuple(change(one, content_id="") for one in document.attachments))
    ids = [
        set(re.findall(rb"cid:([0-9a-f-]{36})<", written(change(bare, document_id=document_id))))
        for document_id in ("a", "b")
    ]
    assert len(ids[0]) == len(ids[1]) == 2
    assert not ids[0] & ids[1]


def test_the_hop_is_told_in_vietnams_time_and_earlier_hops_stay(document, written):
    hops = (TraceHop(agency="H06", passed_at=PASSED_AT), TraceHop(agency="gone", passed_at=None))
    packet = written(change(document, trace=hops), passed_by=AgencyCode.parse("000.00.00.G22")).decode()
    found = re.findall(
        r"<edXML:TraceHeader>\s*<edXML:OrganId>([^<]+)<.*?Timestamp>([^<]+)<", packet, re.DOTALL
    )
    assert found == [("H06", "2019/08/09 10:11:12"), ("000.00.00.G22", "2019/08/09 10:11:12")]


def test_text_that_means_something_to_xml_is_escaped(document, written, read):
    text = 'a & b < c > d "e"\nf\rg\th'
    packet = written(change(document, content=text))
    assert b'a &amp; b &lt; c &gt; d "e"\r\nf&#xD;g\th' in packet
    assert read(packet).record.content == text


def test_an_agency_named_twice_is_written_once(document, written, read):
    (recipient,) = document.recipients
    other = change(recipient, code=AgencyCode.parse("H06.15"))
    doubled = (recipient, other, change(recipient, code=AgencyCode.parse("G22")))
    packet = written(change(document, recipients=doubled))
    assert read(packet).record.recipients == (recipient, other)


def test_a_bare_file_is_wrapped_when_its_extension_is_not_in_the_vendors_list(document, written, blobs):
    content = b"sheet" * 1_000
    blob = blobs.put([content[:777], content[777:]], limit_bytes=10_000)
    sheet = change(document.attachments[1], sha256=blob.sha256, size_bytes=blob.size_bytes)
    packet = written(change(document, attachments=(sheet,)))
    archive = zipfile.ZipFile(io.BytesIO(base64.b64decode(CONTENT.findall(packet)[0])))
    (entry,) = archive.infolist()
    assert re.fullmatch(r"[0-9a-f-]{36}\.xlsx", entry.filename)
    assert archive.read(entry) == content
    assert archive.testzip() is None


# What is refused before anything is written.


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({"document_id": ""}, "DocumentId"),
        ({"recipients": ()}, "To"),
        ({"promulgated_on": None}, "PromulgationInfo/PromulgationDate"),
        ({"abstract": " "}, "Subject"),
        ({"kind": DocumentType(name="Công văn")}, "DocumentType/Type"),
        ({"business": Business(kind=BusinessKind.UNKNOWN)}, "Bussiness/BussinessDocType"),
        ({"urgency": None}, "OtherInfo/Priority"),
    ],
)
def test_a_document_without_a_required_field_is_refused(fields, missing, document, written):
    refusal = refused(written, change(document, **fields))
    assert (refusal.code, refusal.facts["field"]) == ("EDXML_FIELD_MISSING", missing)


@pytest.mark.parametrize("level", [level for level in Confidentiality if level is not Confidentiality.NORMAL])
def test_a_secret_document_is_never_written(level, document, written):
    assert refused(written, change(document, confidentiality=level)).code == "EDXML_SECRET_FORBIDDEN"


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\ufffe"])
def test_a_character_xml_has_no_place_for_is_refused_with_its_field(character, document, written):
    refusal = refused(written, change(document, abstract=f"a{character}b"))
    assert (refusal.code, refusal.facts["element"]) == ("XML_CHARACTER_FORBIDDEN", "Subject")


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"steering": -1}, "SteeringType"), ({"copies": -5}, "PromulgationAmount")],
)
def test_what_the_strict_schema_does_not_allow_is_refused(fields, field, document, written):
    refusal = refused(written, change(document, **fields))
    assert (refusal.code, refusal.facts["field"]) == ("EDXML_WRITE_INVALID", field)


def test_files_that_cannot_be_told_apart_are_refused(document, written):
    first, second = document.attachments
    assert (
        refused(written, change(document, attachments=(first, change(second, seq=1)))).code
        == "EDXML_WRITE_INVALID"
    )
    same = change(second, content_id=first.content_id)
    assert refused(written, change(document, attachments=(first, same))).code == "EDXML_WRITE_INVALID"


def test_a_file_without_a_name_is_refused(document, written):
    nameless = change(document.attachments[0], name="")
    assert refused(written, change(document, attachments=(nameless,))).facts["field"] == "AttachmentName"


def test_a_file_that_is_not_stored_is_told_before_anything_is_written(document, blobs):
    gone = change(document.attachments[0], sha256=hashlib.sha256(b"gone").hexdigest())
    with pytest.raises(HeldForPerson) as held:
        write_document(change(document, attachments=(gone,)), blobs, passed_at=PASSED_AT)
    assert held.value.code == "BLOB_MISSING"


def test_a_time_without_zone_is_a_programmers_mistake(document, blobs):
    with pytest.raises(ValueError, match="without zone"):
        write_document(document, blobs, passed_at=PASSED_AT.replace(tzinfo=None))


# Statuses.


@pytest.mark.parametrize("code", ["SENT", "HELD", "FAILED"])
def test_a_status_of_our_own_never_leaves(code, status):
    assert refused(write_status, change(status, code=code)).code == "EDXML_STATUS_CODE_LOCAL"


def test_a_status_code_the_standard_does_not_know_is_refused(status):
    refusal = refused(write_status, change(status, code="07"))
    assert (refusal.code, refusal.facts["field"]) == ("EDXML_WRITE_INVALID", "StatusCode")


def test_a_refusal_needs_its_reason(status):
    assert refused(write_status, change(status, code="02", note=" ")).facts["field"] == "Description"


def test_a_status_about_nothing_is_refused(status):
    assert refused(write_status, change(status, about=None)).facts["field"] == "ResponseFor"
    nothing = change(status.about, number="", document_id="")
    assert refused(write_status, change(status, about=nothing)).facts["field"] == "ResponseFor/DocumentId"


def test_a_status_about_a_document_known_by_id_alone_keeps_the_required_element(status, read):
    packet = write_status(change(status, about=change(status.about, number="")))
    assert b"<edXML:Code />" in packet
    assert read(packet).record.about.number == ""


def test_a_recall_is_routed_to_whom_it_is_told(status, read):
    recall = change(
        status,
        code="13",
        about=change(status.about, agency_code=status.reporter.code),
        addressee=AgencyCode.parse("000.00.00.G22"),
    )
    packet = write_status(recall)
    assert b"<edXML:ResponseFor>\r\n          <edXML:OrganId>000.00.00.G22<" in packet
    assert read(packet).record == recall


def test_a_recall_told_to_oneself_is_refused(status):
    recall = change(status, code="13", about=change(status.about, agency_code=status.reporter.code))
    assert refused(write_status, recall).facts["field"] == "ResponseFor/OrganId"


def test_a_status_without_a_time_says_none(status, read):
    packet = write_status(change(status, happened_at=None, staff=None))
    assert b"Timestamp" not in packet
    assert read(packet).record.happened_at is None


def test_a_reference_keeps_its_date(document, written, read):
    reference = DocumentReference(
        agency_code=AgencyCode.parse("H06"), number="1/QĐ", promulgated_on=date(2020, 2, 29)
    )
    assert read(written(change(document, response_for=(reference,)))).record.response_for == (reference,)
