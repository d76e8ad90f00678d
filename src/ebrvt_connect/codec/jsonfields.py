"""Small values of JSON dialects that are ours to define: strict where guessing would change meaning. Pure.

A number is a number, a day is `YYYY-MM-DD`, a time has its offset. Lenient where nothing is lost: `null` is
absent, outer spaces go, text becomes NFC. Objects keep what we do not know.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict
from pydantic.alias_generators import to_camel

from ebrvt_connect.model.period import VIETNAM
from ebrvt_connect.model.text import nfc

LONGEST_ID = 200
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})", re.ASCII)
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


def parse_day(value: object) -> object:
    """A day as `YYYY-MM-DD`; raises `ValueError` for any other text, impossible days included."""
    if isinstance(value, str) and _DAY.fullmatch(value.strip()):
        return date.fromisoformat(value.strip())
    raise ValueError("expected a day as YYYY-MM-DD")


def maybe_day(value: object) -> object:
    """A day that may be absent, null or empty; raises as `parse_day`."""
    return None if value is None or value == "" else parse_day(value)


def parse_moment(value: object) -> object:
    """A time in ISO 8601 with its offset, as UTC; raises `ValueError` for a text without one.

    A time in the first or last hours of the calendar, which has no local time or none in UTC, is none either.
    """
    moment = _moment_of(value)
    try:
        moment.astimezone(VIETNAM)
        return moment.astimezone(UTC)
    except OverflowError as failure:
        raise ValueError("a time outside of the calendar") from failure


def bounded_moment(value: object) -> datetime:
    """A time as a place in an order, one outside of the calendar at its end; raises as `parse_moment`."""
    moment = _moment_of(value)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return _FIRST if moment.year == _FIRST.year else _LAST


def _moment_of(value: object) -> datetime:
    if not isinstance(value, str) or not _MOMENT.fullmatch(value.strip()):
        raise ValueError("expected a time as YYYY-MM-DDThh:mm:ss+07:00")
    # Python reads six decimals of a second; finer ones are cut, never rounded into another second.
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", value.strip()))


def maybe_moment(value: object) -> object:
    """A time that may be absent, null or empty; raises as `parse_moment`."""
    return None if value is None or value == "" else parse_moment(value)


def written_moment(moment: datetime) -> str:
    """A time as these dialects write it: local, to the microsecond if it has any.

    One in the last hours of the calendar has no local time and keeps its own offset: writing never fails.
    """
    try:
        return moment.astimezone(VIETNAM).isoformat()
    except OverflowError:
        return moment.isoformat()


def bare(value: object) -> object:
    """Text in NFC without outer spaces; anything else stays for the field to refuse."""
    return nfc(value).strip() if isinstance(value, str) else value


def bare_or_empty(value: object) -> object:
    """The same, where null is absent."""
    return "" if value is None else bare(value)


def number_text(value: object) -> object:
    """Some systems write a document's number as a JSON number: the same digits."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else bare(value)


def maybe_word(value: object) -> object:
    """A word from a list that may be absent, null or empty."""
    return None if value is None or value == "" else bare(value)


def list_or_empty(value: object) -> object:
    """A list that may be null."""
    return () if value is None else value


def segment(value: str) -> str:
    """A text that can stand in a path; raises `ValueError` otherwise."""
    if value in {".", ".."} or not value.isprintable():
        raise ValueError("an id that cannot stand in a path")
    return value


def lower(value: object) -> object:
    """Text in lower case, as digests are compared."""
    return value.strip().lower() if isinstance(value, str) else value


Words = Annotated[str, Strict(), BeforeValidator(bare), Field(min_length=1)]
"""A text that must be there."""
MaybeWords = Annotated[str, Strict(), BeforeValidator(bare_or_empty)]
"""A text that may be absent, null or empty."""
Identity = Annotated[
    str,
    Strict(),
    BeforeValidator(number_text),
    Field(min_length=1, max_length=LONGEST_ID),
    AfterValidator(segment),
]
"""An id that can stand in a path."""
Count = Annotated[int, Strict(), Field(ge=0, lt=2**53)]
"""A whole number JSON readers agree on."""
Day = Annotated[date, BeforeValidator(parse_day)]
MaybeDay = Annotated[date | None, BeforeValidator(maybe_day)]
Moment = Annotated[datetime, BeforeValidator(parse_moment)]
MaybeMoment = Annotated[datetime | None, BeforeValidator(maybe_moment)]


def _as_text(value: object) -> object:
    if value is None:
        return ""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


LooseText = Annotated[str, BeforeValidator(_as_text)]
"""A text of a remote that also sends numbers and nulls where one stands."""
Sha256 = Annotated[str, Strict(), BeforeValidator(lower), Field(pattern=r"^[0-9a-f]{64}$")]


class WireValue(BaseModel):
    """A frozen JSON object with camelCase names; what we do not know is kept."""

    model_config = ConfigDict(
        frozen=True,
        extra="allow",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        use_attribute_docstrings=True,
    )


class Issue(WireValue):
    """One thing wrong with what we sent."""

    field: MaybeWords = ""
    code: MaybeWords = ""
    message: MaybeWords = ""


class Problem(WireValue):
    """An answer that is an error in the system's own words."""

    error_code: Annotated[str, Strict(), Field(min_length=1, alias="error_code")]
    message: MaybeWords = ""
    trace_id: MaybeWords = ""
    issues: Annotated[tuple[Issue, ...], BeforeValidator(list_or_empty)] = ()
