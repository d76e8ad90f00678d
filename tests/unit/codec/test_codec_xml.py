"""XML from strangers: what is refused, and that nothing depends on how the bytes were cut."""

from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebrvt_connect.codec.xml import (
    VALIDATING,
    End,
    Remark,
    Schema,
    Start,
    XmlLimits,
    XmlStream,
    forbidden_character,
    local_name,
    namespace,
    parse_tree,
)
from ebrvt_connect.errors import InvalidValue

LIMITS = XmlLimits(file_bytes=1_000_000, depth=10, elements=1_000, attribute_chars=1_000)
LAUGHS = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 9))

REFUSED = {
    "doctype": (b"<!DOCTYPE a><a/>", "XML_DTD_FORBIDDEN"),
    "doctype_after_comment": (
        b"<?xml version='1.0'?><!-- x --><?pi?>\n<!DOCTYPE a><a/>",
        "XML_DTD_FORBIDDEN",
    ),
    "external_entity": (
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>',
        "XML_DTD_FORBIDDEN",
    ),
    "parameter_entity": (
        b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:9/"> %x;]><a/>',
        "XML_DTD_FORBIDDEN",
    ),
    "billion_laughs": (b'<!DOCTYPE a [<!ENTITY l0 "ha">' + LAUGHS + b"]><a>&l8;</a>", "XML_DTD_FORBIDDEN"),
    "entity_nobody_declared": (b"<a>&x;</a>", "XML_MALFORMED"),
    "utf_16": ("<a>Việt</a>".encode("utf-16"), "XML_ENCODING_UNSUPPORTED"),
    "utf_16_without_mark": ("<a>x</a>".encode("utf-16-be"), "XML_ENCODING_UNSUPPORTED"),
    "utf_32": ("<a>x</a>".encode("utf-32"), "XML_ENCODING_UNSUPPORTED"),
    "declared_windows_1258": (
        b"<?xml version='1.0' encoding='windows-1258'?><a>Vi\xf2t</a>",
        "XML_ENCODING_UNSUPPORTED",
    ),
    "undeclared_windows_1258": (b"<a>Vi\xf2t</a>", "XML_ENCODING_INVALID"),
    "surrogate_in_utf_8": (b"<a>\xed\xa0\x80</a>", "XML_ENCODING_INVALID"),
    "nul": (b"<a>b\x00c</a>", "XML_MALFORMED"),
    "nul_at_the_beginning": (b"\x00<a/>", "XML_ENCODING_UNSUPPORTED"),
    "control_character": (b"<a>\x0b</a>", "XML_MALFORMED"),
    "junk_before": (b"abc<a/>", "XML_LEADING_JUNK"),
    "junk_after": (b"<a/>abc", "XML_MALFORMED"),
    "two_roots": (b"<a/><b/>", "XML_MALFORMED"),
    "cut_off": (b"<a><b>", "XML_MALFORMED"),
    "empty": (b"", "XML_MALFORMED"),
    "only_blanks": (b" \r\n ", "XML_MALFORMED"),
    "deep": (b"<a>" * 10_000 + b"</a>" * 10_000, "XML_TOO_DEEP"),
    "many": (b"<a>" + b"<b/>" * 1_001 + b"</a>", "XML_TOO_MANY_ELEMENTS"),
    "large": (b"<a>" + b"x" * 1_000_000 + b"</a>", "XML_TOO_LARGE"),
}


def events_of(*chunks, limits=LIMITS):
    """All events, neighbouring texts joined: where text is cut is nobody's business."""
    joined = []
    for event in XmlStream(chunks, limits):
        if isinstance(event, str) and joined and isinstance(joined[-1], str):
            joined[-1] += event
        else:
            joined.append(event)
    return joined


@pytest.mark.parametrize(("data", "code"), REFUSED.values(), ids=REFUSED)
def test_a_stream_refuses(data, code):
    with pytest.raises(InvalidValue) as refusal:
        events_of(data)
    assert refusal.value.code == code


@pytest.mark.parametrize(("data", "code"), REFUSED.values(), ids=REFUSED)
def test_a_tree_refuses(data, code):
    with pytest.raises(InvalidValue) as refusal:
        parse_tree(data, LIMITS)
    assert refusal.value.code == code


def test_a_gigantic_attribute_is_refused():
    with pytest.raises(InvalidValue) as refusal:
        events_of(b'<a x="' + b"y" * 5_000 + b'"/>')
    assert refusal.value.code == "XML_TEXT_TOO_LONG"


def test_an_attribute_beyond_what_the_parser_buffers_is_refused():
    with pytest.raises(InvalidValue) as refusal:
        events_of(b'<a x="' + b"y" * 30_000_000 + b'"/>', limits=XmlLimits(file_bytes=50_000_000))
    assert refusal.value.code in {"XML_MALFORMED", "XML_TEXT_TOO_LONG"}


@pytest.mark.parametrize("encoding", ["UTF-8", "utf-8", "utf8", "UTF8", "us-ascii"])
def test_utf_8_is_accepted_under_every_name_it_goes_by(encoding):
    data = f'<?xml version="1.0" encoding="{encoding}"?><a>x</a>'.encode()
    assert events_of(data) == [Start("a"), "x", End()]
    assert parse_tree(data).text == "x"


def test_a_byte_order_mark_is_tolerated_silently():
    stream = XmlStream([b"\xef\xbb\xbf<?xml version='1.0'?><a/>"], LIMITS)
    assert list(stream) == [Start("a"), End()]
    assert not stream.leading_whitespace


def test_blanks_before_the_declaration_are_tolerated_and_told():
    stream = XmlStream([b"\r\n <?xml version='1.0'?><a/>"], LIMITS)
    assert list(stream) == [Start("a"), End()]
    assert stream.leading_whitespace


def test_blanks_before_the_root_without_a_declaration_are_nothing_to_tell():
    stream = XmlStream([b"\n<a/>"], LIMITS)
    list(stream)
    assert not stream.leading_whitespace


def test_comments_and_instructions_are_told_without_their_text():
    assert events_of(b"<a>b<!-- x -->c<?y z?></a>") == [Start("a"), "b", Remark(), "c", Remark(), End()]


def test_a_tree_holds_no_comments():
    assert len(parse_tree(b"<a><!-- x --><?y z?><b/></a>")) == 1


@given(st.lists(st.integers(0, 200)))
def test_events_do_not_depend_on_where_the_bytes_are_cut(cuts):
    data = (
        '﻿<?xml version="1.0" encoding="UTF-8"?><a xmlns="n">Ủy ban &amp; <b>x</b><![CDATA[<&]]></a>'.encode()
    )
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    chunks = [data[start:end] for start, end in pairwise(edges)]
    assert events_of(*chunks) == [
        Start("{n}a"),
        "Ủy ban & ",
        Start("{n}b"),
        "x",
        End(),
        "<&",
        End(),
    ]


@given(st.binary(max_size=300))
def test_whatever_the_bytes_only_the_one_error_comes_out(data):
    for read in (events_of, parse_tree):
        with suppress(InvalidValue):
            read(data)


def test_one_huge_chunk_is_read_in_small_pieces():
    events = list(XmlStream([b"<a>" + b"x" * 500_000 + b"</a>"], LIMITS))
    texts = [event for event in events if isinstance(event, str)]
    assert sum(map(len, texts)) == 500_000
    assert max(map(len, texts)) <= 64 * 1024


def test_the_size_read_is_told():
    stream = XmlStream([b"<a>", b"</a>"], LIMITS)
    list(stream)
    assert stream.size_bytes == 7


@pytest.mark.parametrize(
    ("tag", "name", "where"),
    [("{n}a", "a", "n"), ("a", "a", ""), ("{}}a", "a", "}")],
)
def test_a_tag_is_taken_apart(tag, name, where):
    assert (local_name(tag), namespace(tag)) == (name, where)


@pytest.mark.parametrize("text", ["\x00", "\x1b", "\ufffe", "\ud800"])
def test_a_character_xml_has_no_place_for_is_found(text):
    assert forbidden_character(f"a{text}b") == text


def test_vietnamese_text_and_line_ends_are_allowed():
    assert forbidden_character("Ủy ban\tnhân\r\ndân 🇻🇳") == ""


def test_a_schema_tells_where_and_what():
    root = parse_tree(b'<edXML xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016"><What/></edXML>')
    (problem,) = Schema("edxml/edxml-qcvn102-draft-strict.xsd").problems(root)
    assert problem.element == "What"
    assert "not expected" in problem.message
    assert "{" not in problem.message


def test_threads_sharing_a_schema_are_told_their_own_errors():
    schema = Schema("edxml/edxml-qcvn102-draft-strict.xsd")

    def validate(number):
        name = f"Unknown{number}"
        root = parse_tree(
            f'<edXML xmlns="http://www.mic.gov.vn/TBT/QCVN_102_2016"><{name}/></edXML>'.encode()
        )
        return all(schema.problems(root)[0].element == name for _ in range(50))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(validate, range(64)))


def test_two_schemas_never_validate_at_once():
    """libxml2 crashed one daemon and hung another for good, their first packets being checked at once."""
    root = parse_tree(b"<edXML/>")
    with ThreadPoolExecutor(1) as pool:
        with VALIDATING:
            other = pool.submit(Schema("edxml/edxml-qcvn102-draft-strict.xsd").problems, root)
            assert not wait([other], timeout=0.05).done
        assert other.result(timeout=30)


def test_a_tree_refuses_a_text_too_long_for_one():
    with pytest.raises(InvalidValue) as refusal:
        parse_tree(b"<a>" + b"x" * 11_000_000 + b"</a>")
    assert refusal.value.code == "XML_MALFORMED"
