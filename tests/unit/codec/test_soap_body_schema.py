"""What a body has against the schema is told by place and kind, in two languages, without its values."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from ebrvt_schemas import open_schema
from lxml import etree

from ebrvt_connect.codec.soap import SOAP_LIMITS
from ebrvt_connect.codec.soap_schema import BodyProblem, BodySchema, told, told_vi
from ebrvt_connect.errors import InvalidValue

WSDL = open_schema("reporting/mic_reporting.wsdl")
NS = "urn:ebrvt:sandbox:reporting:1"
XSI = 'xmlns:i="http://www.w3.org/2001/XMLSchema-instance"'
SECRET = "Nguyễn Thị Bí Mật"


@pytest.fixture(scope="module")
def schema() -> BodySchema:
    return BodySchema(WSDL)


def status(issues: str, prefix: str = "t:", changed_at: str = "2026-11-23T08:00:00Z") -> str:
    """An answer whose names carry this prefix; `{}` in `issues` stands for it."""
    declared = f'xmlns{":" if prefix else ""}{prefix.rstrip(":")}="{NS}"'
    content = (
        "<{0}packetId>p-1</{0}packetId><{0}status>RETURNED</{0}status>"
        f"<{{0}}changedAt>{changed_at}</{{0}}changedAt>{issues}"
    ).format(prefix)
    return f"<{prefix}GetReportStatusResponse {declared}>{content}</{prefix}GetReportStatusResponse>"


GOOD = "<{0}issue><{0}code>A</{0}code><{0}message>m</{0}message></{0}issue>"
BAD = "<{0}issue><{0}code>A</{0}code></{0}issue>"
UNKNOWN = "<{0}issue><{0}code>A</{0}code><{0}message>m</{0}message><{0}more/></{0}issue>"


def paths(schema: BodySchema, document: str) -> list[str]:
    return [problem.path for problem in schema.problems(etree.fromstring(document))]


@pytest.mark.parametrize("prefix", ["t:", "", "ns0:"], ids=["prefix", "default namespace", "another prefix"])
class TestPlaces:
    def test_of_several_the_one_at_fault_is_counted_among_its_namesakes(self, schema, prefix):
        assert paths(schema, status(GOOD + GOOD + BAD + GOOD + UNKNOWN, prefix)) == [
            "issue[3]",
            "issue[5]/more",
        ]

    def test_the_first_of_several_is_counted_too(self, schema, prefix):
        assert paths(schema, status(BAD + GOOD, prefix)) == ["issue[1]"]

    def test_the_only_one_is_not_counted(self, schema, prefix):
        assert paths(schema, status(BAD, prefix)) == ["issue"]

    def test_a_place_without_namesakes_is_its_name(self, schema, prefix):
        assert paths(schema, status(GOOD, prefix, "yesterday")) == ["changedAt"]


def test_namesakes_under_different_prefixes_are_counted_together(schema):
    other = f'<o:issue xmlns:o="{NS}"><o:code>A</o:code><o:message>m</o:message></o:issue>'

    assert paths(schema, status(GOOD + other + BAD + other)) == ["issue[3]"]
    assert paths(schema, status(GOOD + other + other.replace("<o:message>m</o:message>", ""))) == ["issue[3]"]


def test_remarks_between_elements_are_not_counted(schema):
    assert paths(schema, status("<!-- a --><?b?>" + GOOD + "<!-- c -->" + BAD, "")) == ["issue[2]"]


def test_a_name_at_a_deeper_place_is_counted_at_each_step(schema):
    period = (
        "<period><periodCode>a</periodCode><frequency>QUARTER</frequency><dataFrom>2026-01-01</dataFrom>"
        "<dataTo>{}</dataTo><dueAt>2026-02-01T00:00:00Z</dueAt><open>{}</open></period>"
    )
    good, bad = period.format("2026-02-01", "true"), period.format("2026-02-30", "có")
    document = f'<GetPeriodsResponse xmlns="{NS}">{good}{good}{bad}</GetPeriodsResponse>'

    assert paths(schema, document) == ["period[3]/dataTo", "period[3]/open"]


def test_the_body_itself_and_what_nobody_declared_are_named(schema):
    [problem] = schema.problems(etree.fromstring(f'<x xmlns="{NS}"/>'))

    assert (problem.path, problem.element) == ("x", "x")
    assert problem.meaning_vi == "không có trong lược đồ"


# --- what is told of them --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("document", "meaning_vi"),
    [
        (status("", changed_at=SECRET), "giá trị sai kiểu dữ liệu (số, ngày hoặc đúng/sai)"),
        (status("").replace("RETURNED", SECRET), "giá trị không thuộc danh mục cho phép"),
        (status(BAD), "thiếu mục con bắt buộc"),
        (status(UNKNOWN), "không được phép có ở vị trí này"),
        (status(SECRET), "chỉ được chứa mục con, không chứa chữ"),
        (status("").replace("<t:packetId>", "<t:packetId a='b'>"), "có thuộc tính không được phép"),
        (status("").replace("<t:packetId>", "<t:packetId><a/>"), "chỉ được chứa giá trị"),
        (status("").replace("<t:packetId>", f"<t:packetId {XSI} i:nil='true'>"), "không được để trống"),
        (status("").replace("<t:packetId>", f"<t:packetId {XSI} i:type='zz'>"), "khai báo một kiểu không có"),
        (f'<t:ReportPacket xmlns:t="{NS}" Id="{SECRET}"/>', "giá trị sai kiểu dữ liệu"),
    ],
)
def test_a_problem_is_told_in_vietnamese_and_quotes_no_value(schema, document, meaning_vi):
    problem = schema.problems(etree.fromstring(document))[0]

    assert problem.meaning_vi.startswith(meaning_vi)
    assert SECRET not in problem.message + problem.meaning_vi + problem.path
    assert NS not in problem.message


def test_what_is_missing_is_named(schema):
    [problem] = schema.problems(etree.fromstring(status(BAD)))

    assert problem.meaning_vi == "thiếu mục con bắt buộc (path, message)"


def test_the_first_five_are_told_and_that_there_are_more():
    problems = tuple(BodyProblem(f"a[{n}]/b", "sai", "WRONG") for n in range(1, 8))

    assert told_vi(problems[:2]) == "mục “a[1]/b” sai; mục “a[2]/b” sai"
    assert told(problems).count("WRONG") == told_vi(problems).count("sai") == 5
    assert told(problems).endswith("; …")
    assert problems[0].element == "b"


def test_an_answer_that_is_wrong_everywhere_is_judged_in_seconds(schema):
    """Each place was once looked for among all its siblings: eight thousand took half a minute."""
    body = etree.fromstring(status("<{0}issue/>" * 20_000))
    assert len(body) < SOAP_LIMITS.elements

    started = time.process_time()
    problems = schema.problems(body)

    assert time.process_time() - started < 10
    assert [problem.path for problem in problems] == [f"issue[{n}]" for n in range(1, 51)]


def test_threads_that_share_a_schema_are_told_their_own_problems(schema):
    """lxml keeps the errors in the schema object; one shared by threads mixes them up."""
    places = [status(GOOD * n + BAD + GOOD) for n in range(8)]
    bodies = [etree.fromstring(place) for place in places]

    def judge(n: int) -> bool:
        return [p.path for p in schema.problems(bodies[n])] == [f"issue[{n + 1}]"]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(judge, [n % 8 for n in range(4000)]))


# --- the schemas inside a WSDL ---------------------------------------------------------------------
def wsdl_with(*schemas: str) -> bytes:
    inside = "".join(
        f'<s:schema xmlns:s="http://www.w3.org/2001/XMLSchema" {one}</s:schema>' for one in schemas
    )
    return (
        f'<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:x="urn:x" xmlns:y="urn:y">'
        f"<w:types>{inside}</w:types></w:definitions>"
    ).encode()


@pytest.mark.parametrize(
    ("schemas", "why"),
    [
        ((), "0 schemas"),
        (('targetNamespace="urn:x">', 'targetNamespace="urn:x">'), "2 schemas of 1 namespaces"),
        (('targetNamespace="urn:x"><s:include schemaLocation="/etc/passwd"/>',), "includes '/etc/passwd'"),
        (('targetNamespace="urn:x"><s:import namespace="urn:z"/>',), "no schema of 'urn:z'"),
        (('targetNamespace="urn:x"><s:element name="a" type="x:Nowhere"/>',), "does not compile"),
    ],
)
def test_a_wsdl_whose_schemas_cannot_be_used_is_refused(schemas, why):
    with pytest.raises(InvalidValue, match=why) as caught:
        BodySchema(wsdl_with(*schemas))
    assert caught.value.code == "WSDL_WITHOUT_SCHEMA"


def test_schemas_that_name_each_other_are_compiled_together():
    schema = BodySchema(
        wsdl_with(
            'targetNamespace="urn:x"><s:import namespace="urn:y" schemaLocation="http://127.0.0.1:9/y.xsd"/>'
            '<s:element name="a" type="y:Short"/>',
            'targetNamespace="urn:y"><s:simpleType name="Short"><s:restriction base="s:string">'
            '<s:maxLength value="3"/></s:restriction></s:simpleType>',
        )
    )

    assert schema.problems(etree.fromstring('<a xmlns="urn:x">abc</a>')) == ()
    [problem] = schema.problems(etree.fromstring('<a xmlns="urn:x">abcd</a>'))
    assert problem.meaning_vi == "giá trị dài quá mức cho phép"
