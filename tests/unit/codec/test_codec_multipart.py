"""Forms: the same bytes at every try, and a bounded reader that believes nothing."""

import email
import hashlib
import io
from contextlib import suppress
from email.policy import HTTP

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebrvt_connect.codec.multipart import (
    MultipartBody,
    MultipartLimits,
    Part,
    boundary_of,
    parse_multipart,
)
from ebrvt_connect.errors import InvalidValue

NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="%"),
    min_size=1,
    max_size=20,
)
CONTENTS = st.binary(max_size=300) | st.sampled_from([b"\r\n--", b"\r\n", b"--", b"\r\n\r\n"])


def file_part(name, filename, content, opened=None):
    def open_anew():
        if opened is not None:
            opened.append(name)
        yield from (content[at : at + 7] for at in range(0, len(content), 7))

    return Part(
        name=name,
        media_type="application/pdf",
        filename=filename,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        open=open_anew,
    )


def form():
    return MultipartBody(
        [Part.field("metadata", b'{"a":1}', "application/json"), file_part("file-1", "Công văn.pdf", b"%PDF")]
    )


def parsed(body, boundary, limits=MultipartLimits()):  # noqa: B008
    found = parse_multipart(io.BytesIO(body), boundary, limits)
    return [(part.name, part.filename, part.media_type, b"".join(part.content)) for part in found]


def test_the_body_is_sent_whole_at_every_try():
    opened = []
    body = MultipartBody([file_part("file-1", "a.pdf", b"content", opened)])
    first, second = b"".join(body), b"".join(body)
    assert first == second
    assert len(body) == len(first)
    assert opened == ["file-1", "file-1"]


def test_the_wire_form_is_that_of_rfc_7578():
    body = form()
    mark = body.boundary
    assert (
        b"".join(body)
        == (
            f'--{mark}\r\nContent-Disposition: form-data; name="metadata"\r\n'
            f'Content-Type: application/json\r\n\r\n{{"a":1}}\r\n'
            f'--{mark}\r\nContent-Disposition: form-data; name="file-1"; filename="Công văn.pdf"\r\n'
            f"Content-Type: application/pdf\r\n\r\n%PDF\r\n--{mark}--\r\n"
        ).encode()
    )
    assert boundary_of(body.content_type) == mark


def test_the_boundary_is_the_same_for_the_same_contents_and_new_for_others():
    assert form().boundary == form().boundary
    assert form().boundary != MultipartBody([Part.field("metadata", b'{"a":2}')]).boundary


def test_a_name_cannot_break_out_of_its_header():
    body = b"".join(MultipartBody([file_part("f", 'a"\r\nX-Evil: 1\\', b"")]))
    assert b'filename="a%22%0D%0AX-Evil: 1%5C"' in body


def test_another_reader_understands_the_form():
    body = form()
    message = email.message_from_bytes(
        f"Content-Type: {body.content_type}\r\n\r\n".encode() + b"".join(body), policy=HTTP
    )
    assert [part.get_param("name", header="content-disposition") for part in message.iter_parts()] == [
        "metadata",
        "file-1",
    ]


def test_a_content_of_another_length_than_announced_stops_the_body():
    part = Part(
        name="f", media_type="text/plain", filename="f", size_bytes=5, sha256="0" * 64, open=lambda: [b"abc"]
    )
    with pytest.raises(ValueError, match="3 bytes, announced 5"):
        list(MultipartBody([part]))


def test_a_form_without_parts_and_a_media_type_with_a_line_end_are_mistakes():
    with pytest.raises(ValueError, match="at least one part"):
        MultipartBody([])
    with pytest.raises(ValueError, match="not a media type"):
        MultipartBody([Part.field("a", b"", "text/plain\r\nX: y")])


@given(st.lists(st.tuples(NAMES, st.none() | NAMES, CONTENTS), min_size=1, max_size=4))
def test_a_form_written_is_read_back(parts):
    body = MultipartBody([file_part(*part) for part in parts])
    content = b"".join(body)
    assert len(content) == len(body)
    assert parsed(content, body.boundary) == [
        (name, filename, "application/pdf", data) for name, filename, data in parts
    ]


class Dribble(io.BytesIO):
    """Hands out its bytes a few at a time, as a socket may."""

    def read(self, _size=-1):
        return super().read(3)


def test_a_form_that_dribbles_in_is_read():
    body = form()
    found = parse_multipart(Dribble(b"".join(body)), body.boundary)
    assert [b"".join(part.content) for part in found] == [b'{"a":1}', b"%PDF"]


def test_a_part_nobody_reads_is_skipped():
    body = form()
    assert [part.name for part in parse_multipart(io.BytesIO(b"".join(body)), body.boundary)] == [
        "metadata",
        "file-1",
    ]


def test_as_many_parts_as_allowed_are_read():
    body = form()
    assert len(parsed(b"".join(body), body.boundary, MultipartLimits(parts=2))) == 2


def test_text_before_the_first_part_and_blanks_after_a_delimiter_are_tolerated():
    body = b"preamble\r\n--b \t\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--b--\r\nepilogue"
    assert parsed(body, "b") == [("a", None, "text/plain", b"x")]


HEAD = b'--b\r\nContent-Disposition: form-data; name="a"\r\n'


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "MULTIPART_MALFORMED"),
        (HEAD + b"\r\nx", "MULTIPART_MALFORMED"),
        (HEAD + b"\r\nx\r\n--b", "MULTIPART_MALFORMED"),
        (HEAD + b"\r\nx\r\n--bX\r\n\r\n--b--", "MULTIPART_MALFORMED"),
        (b"--b\r\n\r\nx\r\n--b--", "MULTIPART_MALFORMED"),
        (b"--b\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--b--", "MULTIPART_MALFORMED"),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--", "MULTIPART_MALFORMED"),
        (
            b'--b\r\nContent-Disposition: form-data; name="a"; name="b"\r\n\r\nx\r\n--b--',
            "MULTIPART_MALFORMED",
        ),
        (HEAD + b"Content-Disposition: form-data; name=b\r\n\r\nx\r\n--b--", "MULTIPART_MALFORMED"),
        (HEAD + b"no colon\r\n\r\nx\r\n--b--", "MULTIPART_MALFORMED"),
        (HEAD + b"X: Vi\xf2t\r\n\r\nx\r\n--b--", "MULTIPART_MALFORMED"),
        (HEAD + b"\r\n" + b"x" * 2_000 + b"\r\n--b--", "MULTIPART_TOO_LARGE"),
        (HEAD + b"X: " + b"y" * 2_000 + b"\r\n\r\nx\r\n--b--", "MULTIPART_TOO_LARGE"),
        (HEAD + b"".join(b"X%d: y\r\n" % n for n in range(500)) + b"\r\nx\r\n--b--", "MULTIPART_TOO_LARGE"),
        (HEAD + b"X: " + b"y" * 200_000, "MULTIPART_TOO_LARGE"),
        (b"x" * 2_000 + b"\r\n" + HEAD + b"\r\nx\r\n--b--", "MULTIPART_TOO_LARGE"),
        ((HEAD + b"\r\nx\r\n") * 4 + b"--b--", "MULTIPART_TOO_LARGE"),
    ],
)
def test_what_is_no_form_within_limits_is_refused(body, code):
    with pytest.raises(InvalidValue) as refusal:
        parsed(body, "b", MultipartLimits(parts=3, head_bytes=1_000, part_bytes=1_000))
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary="a\nb"',
        "multipart/form-data; boundary=" + "x" * 71,
        "multipart/form-data; boundary=a; boundary=b",
        "multipart/mixed; boundary=a",
    ],
)
def test_a_content_type_without_a_usable_boundary_is_refused(content_type):
    with pytest.raises(InvalidValue) as refusal:
        boundary_of(content_type)
    assert refusal.value.code == "MULTIPART_MALFORMED"


@given(
    st.lists(
        st.sampled_from([b"--b", b"--", b"\r\n", b"--b--", HEAD, b"\r\n\r\n", b"x", b"\xff", b":", b";"]),
        max_size=15,
    )
)
def test_whatever_the_bytes_only_the_one_error_comes_out(pieces):
    with suppress(InvalidValue):
        parsed(b"".join(pieces), "b", MultipartLimits(parts=3, head_bytes=200, part_bytes=200))
