"""What an answer means where the remote has no word of its own."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from requests.structures import CaseInsensitiveDict

from ebrvt_connect.errors import HeldForPerson, ReconcileFirst, Rejected, RetryLater, Scope
from ebrvt_connect.transport.failures import MAX_RETRY_AFTER, is_web_page, retry_after, status_failure
from ebrvt_connect.transport.http import HttpReply

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
JSON = {"Content-Type": "application/json"}
PAGE = {"Content-Type": "text/html; charset=utf-8"}


def reply(status, headers=JSON, body=b"{}"):
    return HttpReply(status=status, headers=CaseInsensitiveDict(headers), body=body, received_at=AT)


def failure(status, *, safe=True, headers=JSON, body=b"{}"):
    return status_failure(reply(status, headers, body), safe=safe, system="axis", operation="sendEdoc")


UNKNOWN = (RetryLater, ReconcileFirst)
"""By whether the call may be repeated."""


@pytest.mark.parametrize(
    ("status", "headers", "effects", "code"),
    [
        (200, JSON, UNKNOWN, "REMOTE_REPLY_UNREADABLE"),
        (204, {}, UNKNOWN, "REMOTE_REPLY_UNREADABLE"),
        (200, PAGE, UNKNOWN, "REMOTE_ANSWERED_WEB_PAGE"),
        (302, PAGE, HeldForPerson, "REMOTE_REDIRECTED"),
        (308, {}, HeldForPerson, "REMOTE_REDIRECTED"),
        (400, JSON, Rejected, "REMOTE_REJECTED"),
        (400, PAGE, UNKNOWN, "REMOTE_ANSWERED_WEB_PAGE"),
        (401, JSON, HeldForPerson, "REMOTE_UNAUTHENTICATED"),
        (401, PAGE, HeldForPerson, "REMOTE_UNAUTHENTICATED"),
        (403, JSON, HeldForPerson, "REMOTE_FORBIDDEN"),
        (404, JSON, Rejected, "REMOTE_REJECTED"),
        (404, PAGE, UNKNOWN, "REMOTE_ANSWERED_WEB_PAGE"),
        (407, PAGE, HeldForPerson, "PROXY_AUTH_REQUIRED"),
        (409, JSON, Rejected, "REMOTE_REJECTED"),
        (410, JSON, Rejected, "REMOTE_REJECTED"),
        (413, PAGE, Rejected, "REMOTE_SAYS_TOO_LARGE"),
        (422, JSON, Rejected, "REMOTE_REJECTED"),
        (425, JSON, RetryLater, "REMOTE_THROTTLED"),
        (429, JSON, RetryLater, "REMOTE_THROTTLED"),
        (429, PAGE, RetryLater, "REMOTE_THROTTLED"),
        (500, JSON, UNKNOWN, "REMOTE_SERVER_ERROR"),
        (502, PAGE, UNKNOWN, "REMOTE_ANSWERED_WEB_PAGE"),
        (502, JSON, UNKNOWN, "REMOTE_SERVER_ERROR"),
        (504, JSON, UNKNOWN, "REMOTE_SERVER_ERROR"),
        (599, JSON, UNKNOWN, "REMOTE_SERVER_ERROR"),
    ],
)
@pytest.mark.parametrize("safe", [True, False])
def test_what_follows_a_status(status, headers, effects, code, safe):
    effect = effects if isinstance(effects, type) else effects[0 if safe else 1]
    found = failure(status, safe=safe, headers=headers)
    assert (type(found), found.code) == (effect, code)
    assert (found.system, found.operation) == ("axis", "sendEdoc")
    if effect is HeldForPerson:
        assert found.scope is Scope.SYSTEM
    assert "{" not in found.explanation_vi + found.advice_vi


@pytest.mark.parametrize(
    ("status", "headers"), [(408, JSON), (408, {"Retry-After": "7"}), (503, JSON), (503, PAGE)]
)
def test_busy_is_asked_after_where_a_proxy_may_have_handed_the_request_on(status, headers):
    harmless, doubtful = failure(status, headers=headers), failure(status, headers=headers, safe=False)

    assert (type(harmless), harmless.code) == (RetryLater, "REMOTE_UNAVAILABLE")
    assert (type(doubtful), doubtful.code) == (ReconcileFirst, "REMOTE_BUSY_AFTER_SENDING")
    assert "{" not in doubtful.explanation_vi + doubtful.advice_vi


def test_remote_that_names_a_delay_did_not_take_the_request():
    found = failure(503, headers={"Retry-After": "7"}, safe=False)

    assert type(found) is RetryLater
    assert found.retry_after == timedelta(seconds=7)
    assert type(failure(503, headers={"Retry-After": "soon"}, safe=False)) is ReconcileFirst


def test_the_message_names_the_body_by_type_length_and_digest_only():
    body = b'{"cccd": "079123456789"}'
    told = str(failure(500, body=body))
    assert hashlib.sha256(body).hexdigest()[:12] in told
    assert "application/json" in told
    assert "24 bytes" in told
    assert "079123456789" not in told


@pytest.mark.parametrize(
    "body", [b"<!DOCTYPE html><p>", b"\xef\xbb\xbf\r\n <html lang='vi'>", b"  <!doctype HTML>"]
)
def test_a_web_page_under_another_label_is_seen_by_its_start(body):
    assert is_web_page(reply(200, {"Content-Type": "application/json"}, body))
    assert is_web_page(reply(200, {}, body))


@pytest.mark.parametrize(("headers", "body"), [(JSON, b"{}"), ({}, b"<edXML/>"), ({}, b"")])
def test_what_is_no_web_page(headers, body):
    assert not is_web_page(reply(200, headers, body))


@pytest.mark.parametrize(
    ("headers", "delay"),
    [
        ({}, None),
        ({"Retry-After": "0"}, timedelta(0)),
        ({"retry-after": " 120 "}, timedelta(minutes=2)),
        ({"Retry-After": "99999"}, MAX_RETRY_AFTER),
        ({"Retry-After": "9" * 5000}, MAX_RETRY_AFTER),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "²"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": format_datetime(AT + timedelta(minutes=3))}, timedelta(minutes=3)),
        ({"Retry-After": format_datetime(AT - timedelta(minutes=3))}, timedelta(0)),
        ({"Retry-After": format_datetime(AT + timedelta(days=300))}, MAX_RETRY_AFTER),
        ({"Retry-After": "Mon, 99 Foo 2026 01:03:00 GMT"}, None),
        ({"Retry-After": "Mon, 23 Nov 2026 01:03:00"}, timedelta(minutes=3)),
        # The remote's clock is five years behind: its two dates still agree with each other.
        (
            {
                "Date": "Tue, 23 Nov 2021 01:00:00 GMT",
                "Retry-After": "Tue, 23 Nov 2021 01:02:00 GMT",
            },
            timedelta(minutes=2),
        ),
    ],
)
def test_the_delay_a_remote_asks_for(headers, delay):
    assert retry_after(reply(503, headers)) == delay
    assert failure(503, headers=headers).retry_after == delay


def test_a_date_with_nothing_to_read_it_against_is_no_delay():
    headers = CaseInsensitiveDict({"Retry-After": format_datetime(AT)})
    assert retry_after(HttpReply(503, headers, b"")) is None
