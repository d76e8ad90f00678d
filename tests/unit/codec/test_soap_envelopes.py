"""Envelopes: exact bytes within, one element in one body, faults of both versions, no value lost unseen."""

from __future__ import annotations

import time

import pytest
from lxml import etree

from ebrvt_connect.codec.soap import (
    SOAP_11,
    SOAP_12,
    SOAP_LIMITS,
    embeddable,
    envelope_bytes,
    fault_bytes,
    fault_in,
    lost_values,
    read_envelope,
    unsent_values,
    wrapped,
)
from ebrvt_connect.errors import InvalidValue

ODD = b"""<r:a xmlns:r="urn:r"  b = 'c' ><!-- kept --><?kept too?><![CDATA[<]]>&#x1EA1;\r\n\t<r:b/ ></r:a >"""
ODD = ODD.replace(b"<r:b/ >", b"<r:b  />")


@pytest.mark.parametrize("version", [SOAP_11, SOAP_12], ids=lambda version: version.name)
def test_a_body_stands_in_its_envelope_byte_for_byte(version):
    written = envelope_bytes(ODD, header=b"<h/>", version=version)

    assert written.count(ODD) == 1
    read = read_envelope(written)
    assert read.version is version
    assert [child.tag for child in read.header] == ["h"]
    assert read.body.tag == "{urn:r}a"


def test_a_body_without_namespaces_stays_without():
    """The envelope declares no default namespace that a body could fall into."""
    assert read_envelope(envelope_bytes(wrapped("{urn:x}in", b"<plain/>"))).body[0].tag == "plain"


def test_a_packet_in_a_default_namespace_keeps_it():
    body = read_envelope(envelope_bytes(wrapped("{urn:x}in", b'<p xmlns="urn:p"><q/></p>'))).body

    assert (body.tag, body[0].tag, body[0][0].tag) == ("{urn:x}in", "{urn:p}p", "{urn:p}q")


def test_a_namespace_with_signs_of_markup_is_quoted():
    assert etree.fromstring(wrapped("{http://x.vn/?a=1&b=2}in", b"<p/>")).tag == "{http://x.vn/?a=1&b=2}in"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b""),
        (b"\xef\xbb\xbf", b""),
        (b"<?xml version='1.0'?>", b"\r\n"),
        (b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8" standalone="yes"?>\r\n', b" \n"),
    ],
)
def test_only_what_stands_around_an_element_is_taken_off(before, after):
    assert embeddable(before + ODD + after) == ODD


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"words",
        b"<?xml version='1.0' encoding='windows-1258'?><a/>",
        b"<!DOCTYPE a><a/>",
        b"<!-- x --><a/>",
        b"<?pi?><a/>",
        b"<a/><!-- x -->",
        b"<a/>tail",
        b"</a>",
    ],
)
def test_what_is_more_or_less_than_an_element_is_not_embedded(document):
    with pytest.raises(InvalidValue) as caught:
        embeddable(document)
    assert caught.value.code == "SOAP_BODY_NOT_EMBEDDABLE"


def test_judging_a_packet_that_never_ends_takes_no_time_to_speak_of():
    hostile = b"<a>" + b"</a" * 400_000

    started = time.process_time()
    with pytest.raises(InvalidValue):
        embeddable(hostile)
    assert time.process_time() - started < 2


SOAP = SOAP_11.namespace.encode()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "XML_MALFORMED"),
        (b"<html><body>502</body></html>", "SOAP_NOT_AN_ENVELOPE"),
        (b'<Envelope xmlns="urn:other"/>', "SOAP_NOT_AN_ENVELOPE"),
        (b'<Body xmlns="%s"/>' % SOAP, "SOAP_NOT_AN_ENVELOPE"),
        (b'<Envelope xmlns="%s"/>' % SOAP, "SOAP_BODY_NOT_ONE_ELEMENT"),
        (b'<Envelope xmlns="%s"><Body>words</Body></Envelope>' % SOAP, "SOAP_BODY_NOT_ONE_ELEMENT"),
        (b'<Envelope xmlns="%s"><Body><a/><b/></Body></Envelope>' % SOAP, "SOAP_BODY_NOT_ONE_ELEMENT"),
        (b'<Envelope xmlns="%s"><Body><a/></Body><Body/></Envelope>' % SOAP, "SOAP_BODY_NOT_ONE_ELEMENT"),
        (b'<Envelope xmlns="%s"><Header/><Header/><Body><a/></Body></Envelope>' % SOAP, "SOAP_BODY_NOT_ONE"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]>' + envelope_bytes(b"<a>&b;</a>")[39:], "XML_DTD_FORBIDDEN"),
        (b'<!DOCTYPE a SYSTEM "file:///etc/passwd">' + envelope_bytes(b"<a/>")[39:], "XML_DTD_FORBIDDEN"),
        (envelope_bytes(b"<a>&undeclared;</a>"), "XML_MALFORMED"),
        (envelope_bytes(b"<a>" * 80 + b"</a>" * 80), "XML_TOO_DEEP"),
        (envelope_bytes(b"<l>" + b"<a/>" * SOAP_LIMITS.elements + b"</l>"), "XML_TOO_MANY_ELEMENTS"),
    ],
)
def test_what_is_no_envelope_with_one_element_is_refused(data, code):
    with pytest.raises(InvalidValue) as caught:
        read_envelope(data)
    assert caught.value.code.startswith(code)


def test_a_text_too_long_for_a_tree_is_refused_and_not_cut():
    with pytest.raises(InvalidValue, match="XML"):
        read_envelope(envelope_bytes(b"<a>" + b"QUJD" * 3_000_000 + b"</a>"))


# --- faults ----------------------------------------------------------------------------------------
def test_what_we_write_as_a_fault_is_read_as_one():
    fault = fault_in(read_envelope(envelope_bytes(fault_bytes("Server.Busy", "Đợi <một> lát", b"<d/>"))))

    assert (fault.code, fault.namespace, fault.message) == ("Server.Busy", SOAP_11.namespace, "Đợi <một> lát")
    assert not fault.blames_sender
    assert [detail.tag for detail in fault.details] == ["d"]


@pytest.mark.parametrize(
    ("code", "name", "blames_sender"),
    [
        ("<faultcode>Client</faultcode>", "Client", True),
        ("<faultcode> e:Client.Data </faultcode>", "Client.Data", True),
        ("<faultcode>unknown:Client</faultcode>", "Client", True),
        ('<faultcode xmlns:w="urn:w">w:Client</faultcode>', "Client", False),
        ("<faultcode>e:Server</faultcode>", "Server", False),
        ("<faultcode/>", "", False),
        ("", "", False),
        (f"<faultcode>e:{'x' * 99}</faultcode>", "x" * 60, False),
        (f'<e:faultcode xmlns="urn:q">{"e:Client"}</e:faultcode>', "Client", True),
    ],
)
def test_a_fault_of_1_1_says_whose_it_is_by_its_code(code, name, blames_sender):
    body = f'<e:Fault xmlns:e="{SOAP_11.namespace}">{code}</e:Fault>'.encode()

    fault = fault_in(read_envelope(envelope_bytes(body)))

    assert (fault.code, fault.blames_sender) == (name, blames_sender)
    assert (fault.message, fault.details) == ("", ())


def test_a_fault_of_1_2_is_named_by_its_innermost_code_and_judged_by_its_outermost():
    body = (
        f'<e:Fault xmlns:e="{SOAP_12.namespace}" xmlns:m="urn:m"><e:Code><e:Value>e:Sender</e:Value>'
        "<e:Subcode><e:Value>m:Closed</e:Value></e:Subcode></e:Code>"
        '<e:Reason><e:Text xml:lang="vi">Đã <b>khóa</b></e:Text></e:Reason>'
        "<e:Detail><m:one/><m:two/></e:Detail></e:Fault>"
    ).encode()

    fault = fault_in(read_envelope(envelope_bytes(body, version=SOAP_12)))

    assert (fault.namespace, fault.code, fault.message) == ("urn:m", "Closed", "Đã khóa")
    assert fault.blames_sender
    assert [detail.tag for detail in fault.details] == ["{urn:m}one", "{urn:m}two"]
    assert "khóa" not in repr(fault)


def test_a_fault_of_the_other_version_is_no_fault_of_this_one():
    body = f'<e:Fault xmlns:e="{SOAP_12.namespace}"/>'.encode()

    assert fault_in(read_envelope(envelope_bytes(body, version=SOAP_11))) is None


# --- values that a reader lost ---------------------------------------------------------------------
NIL = 'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"'


@pytest.mark.parametrize(
    ("document", "values", "lost"),
    [
        ("<a><b>1</b></a>", {"b": 1}, []),
        ("<a><b>x</b></a>", {"b": None}, ["b"]),
        ("<a><b/></a>", {"b": None}, []),
        ("<a><b> \n</b></a>", {"b": None}, []),
        (f"<a><b {NIL}>x</b></a>", {"b": None}, []),
        ("<a><b>0</b><c>false</c></a>", {"b": 0, "c": False}, []),
        ("<a><b>1</b><b>x</b></a>", {"b": [1, None]}, ["b"]),
        ("<a><b>1</b><b>2</b></a>", {"b": [1]}, ["b"]),
        ("<a><b>1</b></a>", {"b": []}, ["b"]),
        ("<a><b><c>x</c></b></a>", {"b": {"c": None}}, ["c"]),
        ("<a><b><c>x</c></b></a>", {"b": None}, []),
        ("<a><any>x</any></a>", {"_value_1": ["x"]}, []),
        ('<a b="x"/>', {"b": None}, ["b"]),
        ('<a b="x">y</a>', {"b": "x", "_value_1": None}, ["a"]),
    ],
)
def test_a_text_that_became_nothing_is_named(document, values, lost):
    assert lost_values(etree.fromstring(document), values) == lost


@pytest.mark.parametrize(
    ("values", "document", "unsent"),
    [
        ({"b": 0}, "<a><b>0</b></a>", []),
        ({"b": 0}, "<a/>", ["b"]),
        ({"b": ""}, "<a><b/></a>", []),
        ({"b": None, "_value_1": "x"}, "<a/>", []),
        ({"b": [], "Id": "x"}, '<a Id="x"/>', []),
        ({"b": [1, 0]}, "<a><b>1</b></a>", ["b"]),
        ({"b": [{"c": 1}, {"c": 0, "d": 1}]}, "<a><b><c>1</c></b><b><d>1</d></b></a>", ["b/c"]),
        ({"b": (2026, None)}, "<a><b>2026</b></a>", []),
    ],
)
def test_a_value_that_was_given_and_not_written_is_named(values, document, unsent):
    assert unsent_values(etree.fromstring(document), values) == unsent
