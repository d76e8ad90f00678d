"""Whatever document or status is written, the same one is read back, however its bytes are cut."""

from contextlib import suppress
from datetime import UTC, date, datetime
from itertools import pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ebrvt_connect.codec.edxml_read import read_document
from ebrvt_connect.codec.edxml_write import write_document, write_status
from ebrvt_connect.codec.media import identify
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.document import (
    Agency,
    Attachment,
    Business,
    BusinessKind,
    Document,
    DocumentReference,
    DocumentStatus,
    DocumentType,
    ReceiverChange,
    Replacement,
    Signatory,
    Staff,
    Urgency,
)
from ebrvt_connect.model.ids import AgencyCode, DocumentNumber
from ebrvt_connect.model.text import nfc

PASSED_AT = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)

LETTERS = st.characters(exclude_categories=["Cs", "Cc", "Co", "Cn"])
TEXT = st.text(LETTERS, max_size=30).map(lambda text: nfc(text).strip())
SOME_TEXT = TEXT.filter(bool)
CODE = st.builds(
    AgencyCode,
    st.from_regex(
        r"[0-9]{3}\.[0-9]{2}\.[0-9]{2}\.[A-Z][0-9]{2}|[A-Z][0-9]{2}(\.[0-9]{2}){0,3}", fullmatch=True
    ),
)
DAY = st.dates(date(1, 1, 2), date(9999, 12, 30))
MAYBE_DAY = st.none() | DAY
MOMENT = st.builds(
    datetime.combine, DAY, st.times().map(lambda time: time.replace(microsecond=0)), st.just(UTC)
)
NUMBER = st.none() | st.integers(0, 999_999_999)
FLAG = st.none() | st.booleans()

AGENCY = st.builds(
    Agency,
    code=CODE,
    name=TEXT,
    parent_name=TEXT,
    address=TEXT,
    email=TEXT,
    telephone=TEXT,
    fax=TEXT,
    website=TEXT,
)
STAFF = st.builds(
    Staff,
    department=TEXT,
    department_id=TEXT,
    name=TEXT,
    staff_id=TEXT,
    position=st.just(""),
    email=TEXT,
    mobile=TEXT,
)
REFERENCE = st.builds(
    DocumentReference, agency_code=CODE, number=SOME_TEXT, document_id=TEXT, promulgated_on=MAYBE_DAY
)
BUSINESS = st.builds(
    Business,
    kind=st.sampled_from([kind for kind in BusinessKind if kind is not BusinessKind.UNKNOWN]),
    reason=TEXT,
    document_id=TEXT,
    paper_follows=FLAG,
    content_changed=FLAG,
    receivers_changed=FLAG,
    receivers=st.lists(st.builds(ReceiverChange, code=CODE, added=st.booleans()), max_size=3).map(tuple),
    staff=st.lists(STAFF, max_size=2).map(tuple),
    replacements=st.lists(
        st.builds(Replacement, document_id=SOME_TEXT, agency_codes=st.lists(CODE, max_size=2).map(tuple)),
        max_size=2,
    ).map(tuple),
)
KIND = st.just(DocumentType()) | st.builds(DocumentType, group=st.integers(0, 99), detail=NUMBER, name=TEXT)
DOCUMENT = st.builds(
    Document,
    document_id=SOME_TEXT,
    number=st.builds(
        DocumentNumber,
        st.from_regex(r"[0-9]{1,11}", fullmatch=True),
        st.from_regex(r"[A-ZĐ-]{1,30}", fullmatch=True),
    ),
    issuer=AGENCY,
    recipients=st.lists(AGENCY, min_size=1, max_size=3, unique_by=lambda agency: agency.code.qd20).map(tuple),
    kind=KIND,
    abstract=SOME_TEXT,
    content=TEXT,
    place=TEXT,
    promulgated_on=DAY,
    signatory=st.builds(Signatory, competence=TEXT, position=TEXT, full_name=TEXT),
    due_on=MAYBE_DAY,
    urgency=st.sampled_from(Urgency),
    circulation_scope=TEXT,
    typist=TEXT,
    copies=NUMBER,
    pages=NUMBER,
    direction=FLAG,
    appendixes=st.lists(SOME_TEXT, max_size=2).map(tuple),
    reply_fors=TEXT,
    reference_codes=TEXT,
    response_for=st.lists(REFERENCE, max_size=2).map(tuple),
    steering=NUMBER,
    task_codes=st.lists(SOME_TEXT, max_size=2).map(tuple),
    application_type=TEXT,
    places=st.lists(SOME_TEXT, max_size=2).map(tuple),
    business=BUSINESS,
)
FILES = st.lists(
    st.tuples(
        st.sampled_from(["a.docx", "bảng.xlsx", "c.txt", "d", "e.zip", "a.docx"]),
        st.binary(max_size=200),
        TEXT,
    ),
    max_size=3,
)
WITHOUT_BUNDLING = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def cut(data, cuts):
    edges = [0, *sorted({at for at in cuts if at < len(data)}), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


def stored(files, blobs):
    attachments = []
    for seq, (name, content, description) in enumerate(files, start=1):
        blob = blobs.put([content], limit_bytes=1_000)
        with blobs.open(blob.sha256) as stream:
            media_type = identify(stream)
        attachments.append(
            Attachment(
                seq=seq,
                name=name,
                media_type=media_type,
                size_bytes=blob.size_bytes,
                sha256=blob.sha256,
                description=description,
            )
        )
    return tuple(attachments)


@WITHOUT_BUNDLING
@given(document=DOCUMENT, files=FILES, cuts=st.lists(st.integers(0, 6_000), max_size=20))
def test_a_document_written_is_read_back(document, files, cuts, blobs):
    sent = document.model_copy(update={"attachments": stored(files, blobs)})
    packet = b"".join(write_document(sent, blobs, passed_at=PASSED_AT))
    received = read_document(cut(packet, cuts), blobs).record
    (hop,) = received.trace
    assert (hop.agency, hop.passed_at) == (sent.issuer.code.text, PASSED_AT)
    plain = tuple(one.model_copy(update={"content_id": ""}) for one in received.attachments)
    again = received.model_copy(update={"trace": (), "attachments": plain, "warnings": ()})
    assert again == sent
    # A file may begin like an archive and be none: that is remarked on, and the bytes are kept.
    remarks = {"FIELD_TOO_LONG", "ATTACHMENT_TYPE_MISMATCH", "ATTACHMENT_NOT_UNPACKED"}
    assert {warning.code for warning in received.warnings} <= remarks


@WITHOUT_BUNDLING
@given(
    code=st.sampled_from(["01", "02", "03", "04", "05", "06", "15", "16"]),
    reporter=AGENCY,
    about=REFERENCE,
    note=SOME_TEXT,
    happened_at=st.none() | MOMENT,
    staff=st.none() | STAFF,
)
def test_a_status_written_is_read_back(code, reporter, about, note, happened_at, staff, blobs):
    sent = DocumentStatus(
        code=code, reporter=reporter, about=about, note=note, happened_at=happened_at, staff=staff
    )
    received = read_document([write_status(sent)], blobs).record
    assert received.model_copy(update={"warnings": ()}) == sent
    assert {warning.code for warning in received.warnings} <= {"FIELD_TOO_LONG"}


@WITHOUT_BUNDLING
@given(cuts=st.lists(st.integers(0, 7_000), max_size=200))
def test_the_vendors_packet_reads_the_same_however_it_is_cut(cuts, vectors, blobs):
    packet = (vectors / "edxml/vendor-writer/built_full.edxml").read_bytes()
    assert read_document(cut(packet, cuts), blobs) == read_document([packet], blobs)


@WITHOUT_BUNDLING
@given(at=st.integers(0, 6_500), junk=st.binary(min_size=1, max_size=4), drop=st.integers(0, 30))
def test_a_packet_damaged_anywhere_is_read_or_refused_with_a_code(at, junk, drop, vectors, blobs):
    packet = (vectors / "edxml/examples/edoc_example.edxml").read_bytes()
    damaged = packet[:at] + junk + packet[at + drop :]
    with suppress(InvalidValue):
        read_document([damaged], blobs)
