"""A UsernameToken is written as the profile says, and checked by somebody who expects the worst."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from lxml import etree

from ebrvt_connect.codec.soap import envelope_bytes, read_envelope
from ebrvt_connect.codec.username_token import (
    WSSE,
    WSU,
    PasswordStyle,
    TokenProblem,
    check_token,
    password_digest,
    security_header,
)

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
NONCE = bytes(range(16))
USER, PASSWORD = "brvt.stttt", "mật khẩu & <bí mật>"


def written(**changes) -> bytes:
    wanted = {"style": PasswordStyle.DIGEST, "nonce": NONCE, "created": NOW, **changes}
    return security_header(wanted.pop("username", USER), wanted.pop("password", PASSWORD), **wanted)


def verdict(header: bytes, **changes):
    envelope = read_envelope(envelope_bytes(b"<a/>", header=header))
    return check_token(envelope.header, **{"password_of": {USER: PASSWORD}.get, "now": NOW, **changes})


def part(header: bytes, name: str, namespace: str = WSSE):
    return etree.fromstring(header).find(f".//{{{namespace}}}{name}")


def test_the_digest_is_the_one_of_the_profile():
    """A token that another implementation made, in the sample of the reporting service."""
    nonce = base64.b64decode("UloU9B7dgn5pdcNhUw8r4g==")

    digest = password_digest(nonce, "2026-11-23T05:09:23+00:00", "sandbox-password")

    assert digest == "wjvqfbvpsXM5ehsd/xIMtwtZFF4="


def test_a_token_has_the_parts_the_profile_asks_for():
    header = written(created=NOW.astimezone(timezone(timedelta(hours=7))))

    created, password = part(header, "Created", WSU).text, part(header, "Password")
    assert created == "2026-11-23T08:00:00Z"
    assert password.get("Type").endswith("username-token-profile-1.0#PasswordDigest")
    hashed = hashlib.sha1(NONCE + created.encode() + PASSWORD.encode(), usedforsecurity=False).digest()
    assert password.text == base64.b64encode(hashed).decode()
    assert part(header, "Nonce").get("EncodingType").endswith("#Base64Binary")
    assert PASSWORD.encode() not in header


@pytest.mark.parametrize("style", PasswordStyle)
def test_a_token_just_made_is_accepted_and_gives_its_nonce(style):
    said = verdict(written(style=style), text_allowed=style is PasswordStyle.TEXT)

    assert said.accepted
    assert (said.username, said.nonce, said.created) == (USER, NONCE, NOW)
    assert str(NONCE) not in repr(said)


@pytest.mark.parametrize(
    ("minutes", "problem"),
    [(-6, TokenProblem.STALE), (-5, None), (0, None), (1, None), (2, TokenProblem.STALE)],
)
def test_a_token_lives_five_minutes_and_may_be_a_minute_ahead(minutes, problem):
    assert verdict(written(created=NOW + timedelta(minutes=minutes))).problem is problem


def test_a_time_told_in_another_zone_is_the_same_time():
    seven = NOW.astimezone(timezone(timedelta(hours=7))).isoformat()
    digest = password_digest(NONCE, seven, PASSWORD)
    header = written().replace(b"2026-11-23T08:00:00Z", seven.encode())
    header = header.replace(part(written(), "Password").text.encode(), digest.encode())

    assert verdict(header).accepted
    assert verdict(header, now=NOW + timedelta(hours=7)).problem is TokenProblem.STALE


@pytest.mark.parametrize(
    "header",
    [
        written(password="sai"),
        written(username="người lạ"),
        written(username="người lạ", password=""),
        written().replace(b"2026-11-23T08:00:00Z", b"2026-11-23T08:00:01Z"),
        written(password="").replace(b"#PasswordDigest", b"#PasswordDigest"),
    ],
)
def test_a_wrong_password_an_unknown_user_and_a_digest_of_other_parts_are_alike(header):
    assert verdict(header).problem is TokenProblem.WRONG


@pytest.mark.parametrize("changes", [{}, {"text_allowed": False}])
def test_a_password_as_text_is_not_taken_unless_allowed(changes):
    assert verdict(written(style=PasswordStyle.TEXT), **changes).problem is TokenProblem.STYLE


def test_a_password_of_no_type_is_text_and_an_unknown_type_is_none():
    text = written(style=PasswordStyle.TEXT)
    kind = f' Type="{part(text, "Password").get("Type")}"'.encode()

    assert verdict(text.replace(kind, b""), text_allowed=True).accepted
    assert verdict(text.replace(kind, b"")).problem is TokenProblem.STYLE
    assert verdict(text.replace(kind, b' Type="urn:k"'), text_allowed=True).problem is TokenProblem.STYLE


def test_a_digest_cannot_be_handed_in_as_the_text_of_a_password():
    digest = written().replace(b"#PasswordDigest", b"#PasswordText")

    assert verdict(digest, text_allowed=True).problem is TokenProblem.WRONG


NONCE_TEXT = base64.b64encode(NONCE)
TOKEN = written()[written().index(b"<wsse:UsernameToken>") : written().index(b"</wsse:Security>")]


@pytest.mark.parametrize(
    ("found", "put"),
    [
        (NONCE_TEXT, b"not base64!"),
        (NONCE_TEXT, b""),
        (NONCE_TEXT, base64.b64encode(bytes(257))),
        (b"#Base64Binary", b"#HexBinary"),
        (b"2026-11-23T08:00:00Z", b"2026-11-23T08:00:00"),
        (b"2026-11-23T08:00:00Z", b"yesterday"),
        (b"2026-11-23T08:00:00Z", b""),
        (b"<wsse:Username>", b"<wsse:Username>a</wsse:Username><wsse:Username>"),
        (b"wsse:Username>", b"wsse:Name>"),
        (b"wsu:Created>", b"wsu:Made>"),
        (b"wsse:Nonce", b"wsse:Salt"),
        (b"wsse:Password", b"wsse:Secret"),
    ],
)
def test_a_token_whose_parts_are_not_as_they_should_be_is_malformed(found, put):
    assert verdict(written().replace(found, put)).problem is TokenProblem.MALFORMED


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"<a/>",
        b'<w:Security xmlns:w="%s"/>' % WSSE.encode(),
        written().replace(TOKEN, TOKEN * 2),
        written() * 2,
        b"<wrapped>%s</wrapped>" % written(),
        written().replace(WSSE.encode(), b"urn:other"),
    ],
)
def test_none_or_several_or_one_in_another_place_is_no_token(header):
    assert verdict(header).problem is TokenProblem.MISSING


@pytest.mark.parametrize("created", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_at_the_end_of_the_calendar_is_stale_and_no_crash(created):
    assert verdict(written().replace(b"2026-11-23T08:00:00Z", created.encode())).problem is TokenProblem.STALE


def test_a_name_xml_has_no_place_for_is_a_mistake_of_the_program():
    with pytest.raises(ValueError, match="XML compatible"):
        written(username="a\x07")
