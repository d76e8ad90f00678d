"""What is written for people holds no secret: not by name, not by look, not one that was read from a file."""

import base64
import io
import json
import logging
import string
from urllib.parse import quote

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from ebrvt_connect.ops import redaction
from ebrvt_connect.ops.config import load_config, with_secrets
from ebrvt_connect.ops.log import configure_logging
from ebrvt_connect.ops.redaction import BLOT, redacted, redacted_text, remember_secret

SECRET_NAMES = [
    *(
        "secret",
        "client_secret",
        "password",
        "Proxy-Password",
        "passwd",
        "passphrase",
        "token",
        "access_token",
    ),
    *("authorization", "Authorization", "Cookie", "set-cookie", "api_key", "apikey", "private_key", "pin"),
    *("user_pin", "credential", "credentials", "hash-header"),
]
_LETTERS = string.ascii_letters + string.digits + "!#$%()*+-./:<>?@[]^_{}~ăâđêôơưẮỘỮ"
SECRETS = st.text(_LETTERS, min_size=8, max_size=60).filter(lambda s: s.strip() == s and BLOT not in s)


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch):
    monkeypatch.setattr(redaction, "_known", frozenset())


@pytest.fixture
def log():
    """A stream the log goes to; everything is as it was afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging(stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def events(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


# --- by name ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_what_goes_by_a_secret_name_is_blotted_out_whatever_it_is(name):
    assert redacted({name: "x"}) == {name: BLOT}
    assert redacted({name: {"a": ["x", 1]}}) == {name: BLOT}
    assert redacted([{"deep": ({name: b"x"},)}]) == [{"deep": [{name: BLOT}]}]


@pytest.mark.parametrize(
    "name", ["title", "opinion", "pint", "spinning", "keyboard", "sha256", "document_id"]
)
def test_other_names_are_left_alone(name):
    assert redacted({name: "7849/UBND-VP"}) == {name: "7849/UBND-VP"}


@pytest.mark.parametrize(
    "text",
    [
        "password=hunter22",
        "password: hunter22",
        '{"password": "hunter22"}',
        "{'client_secret': 'hunter22'}",
        "https://host/?access_token=hunter22&x=1",
        "systemid=a, secret = hunter22, b",
        "Authorization: Bearer hunter22",
        "authorization: basic hunter22",
        "postgresql+psycopg://ebrvt:hunter22@db.example/ebrvt",
        "http://user:hunter22@proxy:3128",
        "-----BEGIN PRIVATE KEY-----\nhunter22\n-----END PRIVATE KEY-----",
        "-----BEGIN RSA PRIVATE KEY-----\nhunter22 and then the text was cut",
        "token eyJhbGciOiJIUzI1NiJ9.eyJodW50ZXIyMiI6MX0.hunter22",
    ],
)
def test_what_looks_like_a_secret_is_blotted_out_of_sentences(text):
    told = redacted_text(f"before {text} after")
    assert "hunter22" not in told
    assert told.startswith("before ")
    assert BLOT in told


@pytest.mark.parametrize("number", ["079123456789", "123456789"])
@pytest.mark.parametrize("around", ["{}", "CCCD {}", "số {}, cấp", "cccd{}", "id_{}", "({})", "{}\n"])
def test_personal_numbers_are_blotted_out(number, around):
    assert number not in redacted_text(around.format(number))


@pytest.mark.parametrize(
    "text",
    [
        "sha256 " + "a1234567890b" * 5 + "cdef",
        "sent 1048576 bytes in 12 s",
        "2026-11-23T08:00:00.123456+07:00",
        "127.0.0.1:8280",
        "000.00.15.H06,2026/11/23,125/BC-STTTT",
        "12345678901234567890",
    ],
)
def test_what_only_resembles_them_stays_readable(text):
    assert redacted_text(text) == text


def test_numbers_and_truths_stay_what_they_are():
    assert redacted({"n": 123456789, "f": 0.5, "b": True, "none": None}) == {
        "n": 123456789,
        "f": 0.5,
        "b": True,
        "none": None,
    }


# --- by value ---------------------------------------------------------------------------------------


@settings(deadline=None)
@given(secret=SECRETS, before=st.text(max_size=20), after=st.text(max_size=20))
def test_no_remembered_secret_survives_anywhere(secret, before, after):
    remember_secret(secret)
    sentence = f"{before}{secret}{after}"
    event = {
        "event": sentence,
        "url": f"https://host/?q={quote(secret)}",
        "path": f"/a/{quote(secret, safe='')}",
        "deep": [{"one": (sentence, {"two": {sentence}})}],
        "object": RuntimeError(sentence),
    }
    told = json.dumps(redacted(event), ensure_ascii=False, default=str)
    for form in {secret, quote(secret), quote(secret, safe="")}:
        assert json.dumps(form, ensure_ascii=False)[1:-1] not in told


@settings(deadline=None)
@given(secret=SECRETS.filter(lambda s: not set(s) & set("\"'&,; ")), name=st.sampled_from(SECRET_NAMES[:8]))
def test_no_named_secret_survives_in_a_sentence(secret, name):
    for written in (f"{name}={secret}", f"{name}: {secret}", f'"{name}": "{secret}"'):
        assert secret not in redacted_text(f"the remote said {written} is wrong")


@settings(deadline=None)
@given(user=st.text(string.ascii_letters, min_size=1, max_size=8), secret=SECRETS)
def test_no_basic_or_bearer_credential_survives(user, secret):
    encoded = base64.b64encode(f"{user}:{secret}".encode()).decode()
    for scheme in ("Basic", "Bearer", "basic", "BEARER"):
        assert encoded not in redacted_text(f"Authorization: {scheme} {encoded}")
        assert encoded not in redacted_text(f"sent {scheme}  {encoded} to the axis")


def test_a_longer_secret_is_blotted_out_before_one_it_holds():
    remember_secret("abcd")
    remember_secret("abcdefgh")
    assert redacted_text("x abcdefgh y") == f"x {BLOT} y"


def test_a_very_short_secret_does_not_blot_out_everything():
    remember_secret("a")
    assert redacted_text("a banana") == "a banana"


def test_every_secret_the_configuration_reads_is_remembered(tmp_path, monkeypatch):
    (tmp_path / "ebrvt.toml").write_text('[province]\ncode = "H06"\n')
    (tmp_path / "file").write_text("secret-of-a-file\n")
    (tmp_path / "file").chmod(0o600)
    (tmp_path / "credential").write_text("secret-of-a-credential")
    (tmp_path / "credential").chmod(0o600)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("THE_SECRET", "secret-of-the-environment")
    references = {
        "a": {"file": "file"},
        "b": {"credential": "credential"},
        "c": {"env": "THE_SECRET"},
        "d": {"command": ["echo", "secret-of-a-command"]},
    }
    secrets = with_secrets(references, load_config(tmp_path / "ebrvt.toml"), "k")
    assert redacted_text(" ".join(secrets.values())) == " ".join([BLOT] * 4)


# --- in the log -------------------------------------------------------------------------------------


def test_each_event_is_one_line_of_json(log):
    structlog.get_logger("ours").info("sent", link="van-ban-di", title="7849/UBND-VP")
    logging.getLogger("theirs").warning("fetch of %s failed:\nno route", "van-ban-den")
    ours, theirs = events(log)
    assert (ours["event"], ours["link"], ours["level"], ours["logger"]) == (
        "sent",
        "van-ban-di",
        "info",
        "ours",
    )
    assert theirs["event"] == "fetch of van-ban-den failed:\nno route"
    assert theirs["timestamp"].endswith("Z")


def test_secrets_are_blotted_out_of_our_logs_and_theirs(log):
    remember_secret("khoa-bi-mat")
    structlog.get_logger().info(
        "opened khoa-bi-mat", password="hunter22", headers={"Authorization": "Bearer x"}
    )
    logging.getLogger("theirs").error("HMAC of %s with %r", "CCCD 079123456789", b"khoa-bi-mat")
    structlog.contextvars.bind_contextvars(token="hunter22")
    structlog.get_logger().info("bound")
    structlog.contextvars.clear_contextvars()
    written = log.getvalue()
    for secret in ("khoa-bi-mat", "hunter22", "Bearer x", "079123456789"):
        assert secret not in written
    assert len(events(log)) == 3


def broken(password: str) -> None:
    local_copy = "local-" + password
    raise ValueError(f"cannot open with token={password}" + local_copy[:0])


@pytest.mark.parametrize("logger", ["ours", "theirs"])
def test_a_traceback_has_neither_local_variables_nor_secrets(logger, log):
    remember_secret("khoa-bi-mat")
    try:
        broken("khoa-bi-mat")
    except ValueError:
        if logger == "ours":
            structlog.get_logger().exception("it failed")
        else:
            logging.getLogger("theirs").exception("it failed")
    (event,) = events(log)
    (told,) = event["exception"]
    assert told["exc_type"] == "ValueError"
    assert [frame["name"] for frame in told["frames"]][-1] == "broken"
    assert not any(frame.get("locals") for frame in told["frames"])
    assert "khoa-bi-mat" not in log.getvalue()
    assert "local-" not in log.getvalue()


@pytest.mark.parametrize("library", ["zeep", "urllib3", "pyhanko", "dbos", "uvicorn"])
def test_the_chatter_of_libraries_is_not_logged(library, log):
    logging.getLogger(library).info("the whole envelope")
    logging.getLogger(library).warning("something is wrong")
    assert [event["event"] for event in events(log)] == ["something is wrong"]


def test_letters_of_vietnamese_stay_readable(log):
    structlog.get_logger().info("Hệ thống axis từ chối kết nối")
    assert "Hệ thống axis từ chối kết nối" in log.getvalue()


def test_a_level_can_be_set(log):
    configure_logging(logging.ERROR, stream=log)
    structlog.get_logger().info("not this")
    structlog.get_logger().error("this")
    assert [event["event"] for event in events(log)] == ["this"]


# --- what comes again and again ---------------------------------------------------------------------


def said(logger, text, *, at, level=logging.WARNING):
    record = logging.LogRecord(logger, level, __file__, 1, text, (), None)
    record.created = at
    logging.getLogger().handlers[0].handle(record)


def test_a_dispatcher_that_misses_its_database_says_so_now_and_then(log):
    """An outage of a database wrote thirty lines a second, tracebacks among them."""
    for second in range(100):
        for queue in ("in", "out"):
            said(
                "dbos",
                f"Exception reloading queue {queue} from database: away\nTraceback ...",
                at=float(second),
            )
    said("dbos", "Exception reloading queue in from database: away", at=700.0)
    lines = [event["event"] for event in events(log)]
    assert lines == [
        "Exception reloading queue in from database: away",
        "Exception reloading queue in from database: away (and 199 more like it)",
    ]


def test_a_traceback_of_the_dispatcher_is_told_by_its_last_line(log):
    said("dbos", "Exception polling: Traceback (most recent call last):\n  File x\nKeyError: 'y'\n", at=0.0)
    (event,) = events(log)
    assert event["event"] == "Exception polling: Traceback (most recent call last): KeyError: 'y'"


def test_our_own_lines_are_kept_back_only_where_nothing_else_was_said_in_between(log):
    name = "ebrvt_connect.engine.standing"
    for second, text in enumerate(
        ["STORE_BUSY: away", "STORE_BUSY: away", "axis: open", "axis: closed", "axis: open"]
    ):
        said(name, text, at=float(second))
    assert [event["event"] for event in events(log)] == [
        "STORE_BUSY: away",
        "axis: open",
        "axis: closed",
        "axis: open",
    ]


def test_errors_of_ours_are_never_kept_back(log):
    for _ in range(3):
        said("ebrvt_connect.engine.sweep", "housekeeping failed", at=1.0, level=logging.ERROR)
    assert len(events(log)) == 3
