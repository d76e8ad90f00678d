"""edXML read liberally where the field varies, strictly where it decides what the packet is."""

import unicodedata

import pytest

from ebrvt_connect.codec.edxml_words import EdxmlLimits, EnvelopeSignature
from ebrvt_connect.errors import InvalidValue
from ebrvt_connect.model.document import Business, BusinessKind, Document, DocumentStatus

END_OF_HEADER = "    </edXML:edXMLHeader>"


def codes(record):
    return [warning.code for warning in record.warnings]


def refused(read, packet, **kwargs):
    with pytest.raises(InvalidValue) as refusal:
        read(packet, **kwargs)
    return refusal.value


def without(text, name):
    """The packet without the first element of this name."""
    start = text.index(f"<edXML:{name}>")
    closing = f"</edXML:{name}>"
    return text[:start] + text[text.index(closing, start) + len(closing) :]


# What identifies a document must be there, once.


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("From", "From"),
        ("OrganId", "From/OrganId"),
        ("Code", "Code"),
        ("CodeNumber", "Code/CodeNumber"),
        ("CodeNotation", "Code/CodeNotation"),
        ("Subject", "Subject"),
        ("MessageHeader", "MessageHeader"),
    ],
)
def test_a_document_without_what_identifies_it_is_refused(name, field, example, read):
    refusal = refused(read, without(example, name))
    assert refusal.code == "EDXML_FIELD_MISSING"
    assert refusal.facts["field"] == field
    held = refusal.held(system="axis", operation="fetch")
    assert refusal.facts["field_vi"] in held.explanation_vi


def test_an_empty_required_field_counts_as_missing(changed, read):
    subject = "Báo cáo thử nghiệm quý I/2020 &amp; phụ lục số liệu"
    assert refused(read, changed(subject, "  ")).facts["field"] == "Subject"


def test_a_document_to_nobody_is_refused(example, read):
    assert refused(read, without(without(example, "To"), "To")).facts["field"] == "To"


@pytest.mark.parametrize("name", ["From", "Code", "Subject", "MessageHeader", "DocumentId"])
def test_a_second_one_of_what_identifies_a_document_is_refused(name, example, read):
    start = example.index(f"<edXML:{name}>")
    closing = f"</edXML:{name}>"
    element = example[start : example.index(closing, start) + len(closing)]
    refusal = refused(read, example.replace(element, element * 2, 1))
    assert refusal.code == "EDXML_ELEMENT_REPEATED"
    assert refusal.facts["field"].endswith(name)


def test_a_sender_without_a_usable_code_is_refused(changed, read):
    refusal = refused(read, changed("<edXML:OrganId>000.00.15.H06<", "<edXML:OrganId>Sở TTTT<"))
    assert refusal.code == "AGENCY_CODE_INVALID"


def test_a_document_number_that_is_none_is_refused(changed, read):
    assert refused(read, changed(">BC-STTTT<", f">{'X' * 60}<")).code == "DOCUMENT_NUMBER_INVALID"


def test_another_root_is_refused(example, read):
    renamed = example.replace("<edXML xmlns", "<edoc xmlns", 1).replace("</edXML>", "</edoc>")
    assert refused(read, renamed).code == "EDXML_ROOT_UNKNOWN"


def test_an_envelope_of_another_namespace_under_the_right_root_is_refused(changed, read):
    packet = changed(
        'edXMLEnvelope xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016"',
        'edXMLEnvelope xmlns:edXML="urn:x"',
    )
    refusal = refused(read, packet)
    assert (refusal.code, refusal.facts["namespace"]) == ("EDXML_NAMESPACE_UNKNOWN", "urn:x")


def test_a_prefix_nobody_declared_is_another_namespace(changed, read):
    packet = changed(
        ' xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016">\n    <edXML:edXMLHeader',
        ">\n    <edXML:edXMLHeader",
    )
    refusal = refused(read, packet)
    assert (refusal.code, refusal.facts["namespace"]) == ("EDXML_NAMESPACE_UNKNOWN", "")


def test_a_generation_1_soap_envelope_is_refused_by_its_namespace(read):
    packet = '<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Header/></S:Envelope>'
    assert refused(read, packet).code == "EDXML_NAMESPACE_UNKNOWN"


# Everything else leaves a warning.


def test_decomposed_text_comes_out_composed(example, read):
    assert read(unicodedata.normalize("NFD", example)).record == read(example).record


def test_an_unknown_element_is_kept_with_its_path(changed, read):
    packet = changed("<edXML:PageAmount>", "<edXML:Colour>Đỏ</edXML:Colour><edXML:PageAmount>")
    record = read(packet).record
    assert record.unknown == (("OtherInfo/Colour", "Đỏ"),)
    assert codes(record) == ["EDXML_NOT_IN_SCHEMA"]


def test_an_element_of_a_foreign_namespace_is_kept_among_the_unknown(changed, read):
    packet = changed(
        "<edXML:PageAmount>", '<x:Y xmlns:x="not a uri at all">z</x:Y><q:1 a="b">w</q:1><edXML:PageAmount>'
    )
    assert read(packet).record.unknown == (
        ("OtherInfo/{foreign}Y", "z"),
        ("OtherInfo/q_1", "w"),
    )


def test_undeclared_xlink_attributes_are_tolerated(changed, read):
    packet = changed("<edXML:Reference>", '<edXML:Reference xlink:href="cid:1" xlink:type="simple">')
    assert codes(read(packet).record) == []


@pytest.mark.parametrize("name", ["Manifest", "edXMLManifest"])
def test_a_manifest_goes_by_two_names(name, example, read):
    record = read(example.replace("edXMLManifest", name)).record
    assert [one.description for one in record.attachments] == ["Văn bản chính", "Phụ lục"]
    assert codes(record) == []


def test_a_field_given_twice_keeps_the_first_and_the_other_among_the_unknown(changed, read):
    packet = changed(
        "<edXML:DueDate>2020/03/31</edXML:DueDate>", "<edXML:DueDate>2020/03/31</edXML:DueDate>" * 2
    )
    record = read(packet.replace("2020/03/31", "2020/04/01", 2).replace("2020/04/01", "2020/03/31", 1)).record
    assert record.due_on.isoformat() == "2020-03-31"
    assert "FIELD_REPEATED" in codes(record)
    assert record.unknown == (("DueDate", "2020/04/01"),)


def test_an_abstract_over_500_characters_is_kept_with_a_warning(changed, read):
    long = "ệ" * 501
    record = read(changed("Báo cáo thử nghiệm quý I/2020 &amp; phụ lục số liệu", long)).record
    assert record.abstract == long
    assert codes(record) == ["FIELD_TOO_LONG"]


def test_lengths_are_counted_after_composing(changed, read):
    exactly = unicodedata.normalize("NFD", "ệ" * 500)
    assert codes(read(changed("Báo cáo thử nghiệm quý I/2020 &amp; phụ lục số liệu", exactly)).record) == []


def test_a_recipient_named_twice_counts_once(changed, read):
    record = read(changed("<edXML:OrganId>000.00.00.H06<", "<edXML:OrganId>G22<")).record
    assert [agency.code.text for agency in record.recipients] == ["000.00.00.G22"]
    assert codes(record) == ["RECIPIENT_REPEATED"]


def test_a_recipient_that_cannot_be_read_is_left_out_and_kept_as_text(changed, read):
    record = read(changed("<edXML:OrganId>000.00.00.H06<", "<edXML:OrganId>Tất cả các sở<")).record
    assert [agency.code.text for agency in record.recipients] == ["000.00.00.G22"]
    assert codes(record) == ["AGENCY_CODE_NOT_READ"]
    assert ("To/OrganId", "Tất cả các sở") in record.unknown


def test_a_reference_to_an_unreadable_agency_is_left_out(changed, read):
    packet = changed(
        "<edXML:ResponseFor>\n          <edXML:OrganId>000.00.00.H06<",
        "<edXML:ResponseFor>\n          <edXML:OrganId>?<",
    )
    record = read(packet).record
    assert record.response_for == ()
    assert codes(record) == ["AGENCY_CODE_NOT_READ"]


def test_an_unknown_priority_is_absent_with_a_warning_and_kept_as_text(changed, read):
    record = read(changed("<edXML:Priority>1<", "<edXML:Priority>9<")).record
    assert record.urgency is None
    assert codes(record) == ["PRIORITY_UNKNOWN"]
    assert record.unknown == (("OtherInfo/Priority", "9"),)


def test_an_unknown_business_type_is_never_taken_for_a_new_document(changed, read):
    record = read(changed("<edXML:BussinessDocType>0<", "<edXML:BussinessDocType>7<")).record
    assert record.business.kind is BusinessKind.UNKNOWN
    assert codes(record) == ["BUSINESS_KIND_UNKNOWN"]
    assert record.unknown == (("TraceHeaderList/Bussiness/BussinessDocType", "7"),)


def test_a_packet_without_business_part_is_a_new_document(example, read):
    record = read(without(example, "Bussiness")).record
    assert record.business == Business()
    assert codes(record) == []


def test_a_revocation_names_what_it_revokes(changed, read):
    packet = changed(
        "<edXML:BussinessDocType>0</edXML:BussinessDocType>",
        "<edXML:BussinessDocType>1</edXML:BussinessDocType><edXML:DocumentId>abc</edXML:DocumentId>",
    )
    business = read(packet).record.business
    assert (business.kind, business.document_id) == (BusinessKind.REVOKE, "abc")


def test_an_update_says_what_changed_and_for_whom(changed, read):
    packet = changed(
        "<edXML:BussinessDocType>0</edXML:BussinessDocType>",
        """<edXML:BussinessDocType>2</edXML:BussinessDocType><edXML:BussinessDocumentInfo>
        <edXML:DocumentInfo>1</edXML:DocumentInfo><edXML:DocumentReceiver>1</edXML:DocumentReceiver>
        <edXML:ReceiverList>
          <edXML:Receiver><edXML:OrganId>H06.1</edXML:OrganId><edXML:ReceiverType>1</edXML:ReceiverType></edXML:Receiver>
          <edXML:Receiver><edXML:OrganId>H06.2</edXML:OrganId><edXML:ReceiverType>0</edXML:ReceiverType></edXML:Receiver>
          <edXML:Receiver><edXML:OrganId>H06.3</edXML:OrganId><edXML:ReceiverType>x</edXML:ReceiverType></edXML:Receiver>
        </edXML:ReceiverList></edXML:BussinessDocumentInfo>""",
    )
    record = read(packet).record
    assert (record.business.content_changed, record.business.receivers_changed) == (True, True)
    assert [(str(one.code), one.added) for one in record.business.receivers] == [
        ("H06.1", True),
        ("H06.2", False),
    ]
    assert codes(record) == ["FLAG_UNKNOWN"]


def test_a_replacement_names_documents_and_agencies(changed, read):
    packet = changed(
        "<edXML:BussinessDocType>0</edXML:BussinessDocType>",
        """<edXML:BussinessDocType>3</edXML:BussinessDocType><edXML:ReplacementInfoList><edXML:ReplacementInfo>
        <edXML:DocumentId>old</edXML:DocumentId>
        <edXML:OrganIdList><edXML:OrganId>H06.1</edXML:OrganId><edXML:OrganId>??</edXML:OrganId></edXML:OrganIdList>
        </edXML:ReplacementInfo></edXML:ReplacementInfoList>""",
    )
    record = read(packet).record
    (replacement,) = record.business.replacements
    assert (replacement.document_id, [str(code) for code in replacement.agency_codes]) == ("old", ["H06.1"])
    assert codes(record) == ["AGENCY_CODE_NOT_READ"]


def test_paper_beside_the_business_part_is_read(changed, read):
    packet = changed("<edXML:Paper>0</edXML:Paper>", "").replace(
        "</edXML:Bussiness>", "</edXML:Bussiness><edXML:Paper>1</edXML:Paper>"
    )
    assert read(packet).record.business.paper_follows is True


@pytest.mark.parametrize(
    ("old", "new", "field", "code"),
    [
        ("<edXML:PageAmount>7<", "<edXML:PageAmount>bảy<", "pages", "NUMBER_NOT_READ"),
        ("<edXML:SteeringType>2<", "<edXML:SteeringType>-2<", "steering", "NUMBER_NOT_READ"),
        ("<edXML:Direction>false<", "<edXML:Direction>không<", "direction", "FLAG_UNKNOWN"),
        ("<edXML:DueDate>2020/03/31<", "<edXML:DueDate>2020/04/31<", "due_on", "DATE_IMPOSSIBLE"),
        ("<edXML:DueDate>2020/03/31<", "<edXML:DueDate>31/03/2020<", "due_on", "DATE_NOT_EDXML_FORM"),
        (
            "<edXML:DueDate>2020/03/31<",
            "<edXML:DueDate>\uff12\uff10\uff12\uff10/03/31<",
            "due_on",
            "DATE_NOT_EDXML_FORM",
        ),
    ],
)
def test_a_value_that_cannot_be_read_is_absent_with_one_warning(old, new, field, code, changed, read):
    record = read(changed(old, new)).record
    assert getattr(record, field) is None
    assert codes(record) == [code]


def test_a_time_before_the_calendar_is_impossible_not_a_crash(changed, read):
    record = read(changed("2020/03/16 14:05:09", "0001/01/01 00:00:00")).record
    assert record.trace[0].passed_at is None
    assert codes(record) == ["DATE_IMPOSSIBLE"]


def test_a_hop_the_server_added_without_a_name_is_kept(changed, read):
    moment = "<edXML:Timestamp>2025/01/02 03:04:05</edXML:Timestamp>"
    hop = f"<edXML:TraceHeader><edXML:OrganId></edXML:OrganId>{moment}</edXML:TraceHeader>"
    record = read(changed("</edXML:TraceHeaderList>", hop + "</edXML:TraceHeaderList>")).record
    assert record.trace[1].agency == ""
    assert codes(record) == []


def test_an_absent_date_and_priority_are_told(example, read):
    record = read(without(without(example, "PromulgationInfo"), "Priority")).record
    assert (record.promulgated_on, record.urgency) == (None, None)
    assert [warning.field for warning in record.warnings] == [
        "PromulgationInfo/PromulgationDate",
        "OtherInfo/Priority",
    ]


def test_a_document_with_an_empty_status_code_stays_a_document(changed, read):
    packet = changed("<edXML:Subject>", "<edXML:StatusCode/><edXML:Subject>")
    assert isinstance(read(packet).record, Document)


def test_blanks_before_the_declaration_are_a_warning(example, read):
    assert codes(read("\n" + example).record) == ["XML_LEADING_WHITESPACE"]


def test_a_hostile_number_of_warnings_and_unknown_fields_stays_bounded(changed, read):
    odd = "".join(f"<edXML:X{n}>{n}</edXML:X{n}>" for n in range(500))
    record = read(changed("<edXML:PageAmount>", odd + "<edXML:PageAmount>")).record
    assert len(record.unknown) == 200
    assert len(record.warnings) <= 101
    assert record.warnings[-1].code == "WARNINGS_OMITTED"


def test_a_hostile_number_of_bad_dates_stays_bounded_and_is_counted(changed, read):
    hop = "<edXML:TraceHeader><edXML:Timestamp>hôm qua</edXML:Timestamp></edXML:TraceHeader>"
    record = read(changed("</edXML:TraceHeaderList>", hop * 150 + "</edXML:TraceHeaderList>")).record
    assert len(record.warnings) == 101
    assert (record.warnings[-1].code, record.warnings[-1].got) == ("WARNINGS_OMITTED", "50")
    assert "50" in record.warnings[-1].message_vi


def test_a_packet_without_trace_is_read(example, read):
    start, end = example.index("      <edXML:TraceHeaderList>"), example.index("    </edXML:edXMLHeader>")
    record = read(example[:start] + example[end:]).record
    assert (record.trace, record.business, codes(record)) == ((), Business(), [])


# Signatures of the envelope.


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        ("<DigitalSignature/>", EnvelopeSignature.NONE),
        ("<Signature> </Signature>", EnvelopeSignature.NONE),
        ("<Signature>abc</Signature>", EnvelopeSignature.PRESENT_UNVERIFIABLE),
        ("<DigitalSignature><SignedInfo/></DigitalSignature>", EnvelopeSignature.PRESENT_UNVERIFIABLE),
        (
            '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo/></Signature>',
            EnvelopeSignature.XMLDSIG,
        ),
        (
            '<DigitalSignature><Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/></DigitalSignature>',
            EnvelopeSignature.XMLDSIG,
        ),
    ],
)
def test_an_envelope_signature_is_noted_and_skipped(signature, expected, changed, read, example):
    packet = read(changed(END_OF_HEADER, signature + END_OF_HEADER))
    assert packet.signature is expected
    assert packet.record == read(example).record


# Statuses.


def test_elements_of_a_status_in_any_order(status_example, read):
    moved = status_example.replace("<edXML:StatusCode>03</edXML:StatusCode>", "").replace(
        "<edXML:From>", "<edXML:StatusCode>03</edXML:StatusCode><edXML:From>"
    )
    assert read(moved).record == read(status_example).record


def test_an_unknown_status_code_is_kept_with_a_warning(status_example, read):
    record = read(status_example.replace(">03<", ">07<")).record
    assert isinstance(record, DocumentStatus)
    assert record.code == "07"
    assert codes(record) == ["STATUS_CODE_UNKNOWN"]
    assert record.unknown == ()


@pytest.mark.parametrize("code", ["SENT", "HELD", "FAILED"])
def test_a_status_code_of_our_own_is_refused_from_outside(code, status_example, read):
    assert refused(read, status_example.replace(">03<", f">{code}<")).code == "EDXML_STATUS_CODE_LOCAL"


def test_a_refusal_without_its_reason_is_told(status_example, read):
    record = read(without(status_example.replace(">03<", ">02<"), "Description")).record
    assert [(warning.code, warning.field) for warning in record.warnings] == [("FIELD_ABSENT", "Description")]


def test_a_recall_is_about_its_senders_document_and_told_to_whom_it_names(status_example, read):
    record = read(status_example.replace(">03<", ">13<")).record
    assert record.about.agency_code == record.reporter.code
    assert record.addressee.text == "000.00.15.H06"


@pytest.mark.parametrize("name", ["From", "ResponseFor"])
def test_a_status_without_teller_or_document_is_refused(name, status_example, read):
    refusal = refused(read, without(status_example, name))
    assert (refusal.code, refusal.facts["field"]) == ("EDXML_FIELD_MISSING", name)


@pytest.mark.parametrize("name", ["ResponseFor", "StatusCode"])
def test_a_status_with_two_of_what_decides_is_refused(name, status_example, read):
    start = status_example.index(f"<edXML:{name}>")
    closing = f"</edXML:{name}>"
    element = status_example[start : status_example.index(closing) + len(closing)]
    assert refused(read, status_example.replace(element, element * 2)).code == "EDXML_ELEMENT_REPEATED"


def test_a_status_that_names_the_document_by_id_alone_is_read(status_example, read):
    record = read(without(status_example, "Code")).record
    assert record.about.number == ""
    assert codes(record) == ["FIELD_ABSENT"]


def test_a_status_without_staff_is_read(status_example, read):
    record = read(without(status_example, "StaffInfo")).record
    assert (record.staff, codes(record)) == (None, [])


def test_a_status_that_names_no_document_is_refused(status_example, read):
    packet = without(without(status_example, "Code"), "DocumentId")
    assert refused(read, packet).facts["field"] == "ResponseFor/DocumentId"


# Limits.


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (EdxmlLimits(file_bytes=1_000), "XML_TOO_LARGE"),
        (EdxmlLimits(depth=4), "XML_TOO_DEEP"),
        (EdxmlLimits(elements=50), "XML_TOO_MANY_ELEMENTS"),
        (EdxmlLimits(text_chars=30), "XML_TEXT_TOO_LONG"),
        (EdxmlLimits(all_text_chars=500), "XML_TEXT_TOO_LONG"),
        (EdxmlLimits(attachments=1), "EDXML_TOO_MANY_ATTACHMENTS"),
        (EdxmlLimits(attachment_bytes=50), "EDXML_ATTACHMENT_TOO_LARGE"),
    ],
)
def test_what_exceeds_a_limit_is_refused(limits, code, example, read):
    assert refused(read, example, limits=limits).code == code


def test_a_broadcast_to_thousands_is_within_the_limits(example, read):
    start, end = example.index("        <edXML:To>"), example.index("        <edXML:DocumentId>")
    recipients = "".join(
        f"        <edXML:To>\n          <edXML:OrganId>{n}.01.H06</edXML:OrganId>\n        </edXML:To>\n"
        for n in range(10_000)
    )
    record = read(example[:start] + recipients + example[end:]).record
    assert len(record.recipients) == 10_000
    assert codes(record) == []


@pytest.mark.timeout(60)
def test_a_long_row_of_wrong_elements_does_not_take_minutes(changed, read):
    """libxml2 counts siblings for every error it reports: 100 000 of them took longer than anybody waits."""
    row = "<edXML:DueDate>x</edXML:DueDate>" * 100_000
    record = read(changed("<edXML:DueDate>", row + "<edXML:DueDate>")).record
    assert record.due_on is None
    assert codes(record)[:2] == ["FIELD_REPEATED", "DATE_NOT_EDXML_FORM"]
    assert len(record.unknown) == 200
