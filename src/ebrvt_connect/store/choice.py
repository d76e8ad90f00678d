"""Which messages are meant (bộ lọc): what a person narrows a list, or a word about many, by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ebrvt_connect.model.text import nfc
from ebrvt_connect.store import schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ebrvt_connect.model.ids import AgencyCode
    from ebrvt_connect.model.message import Kind, State

_M = schema.message


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is left empty narrows nothing; whatever is given must hold."""

    states: tuple[State, ...] = ()
    system: str | None = None
    """It comes from there or goes there."""
    link: str | None = None
    kind: Kind | None = None
    code: str | None = None
    """Of the last failure, as `ebrvt explain` knows it."""
    since: datetime | None = None
    """It came to its state then or later."""
    until: datetime | None = None
    """It came to its state before then."""
    agency: AgencyCode | None = None
    """It is that agency's, or names it; in either official spelling."""
    text: str = ""
    """A part of its title, key, external id or reason; upper and lower case alike (beyond ASCII on PostgreSQL
    only)."""

    def conditions(self) -> Iterator[sa.ColumnElement[bool]]:
        """The conditions on `message`."""
        if self.states:
            yield _M.c.state.in_([state.value for state in self.states])
        if self.system is not None:
            yield sa.or_(_M.c.source == self.system, _M.c.target == self.system)
        if self.link is not None:
            yield _M.c.link == self.link
        if self.kind is not None:
            yield _M.c.kind == self.kind.value
        if self.code is not None:
            yield _M.c.code == self.code
        if self.since is not None:
            yield _M.c.updated_at >= self.since
        if self.until is not None:
            yield _M.c.updated_at < self.until
        if self.agency is not None:
            yield _of_agency(self.agency)
        if self.text:
            named = (_M.c.title, _M.c.business_key, _M.c.external_id, _M.c.idem_key, _M.c.reason_vi)
            yield sa.or_(*(column.icontains(nfc(self.text).strip(), autoescape=True) for column in named))


def _of_agency(code: AgencyCode) -> sa.ColumnElement[bool]:
    """Document ids and dossier codes begin with their agency's code; records name others as a JSON text."""
    named = [
        condition
        for spelled in _spellings(code)
        for condition in (
            _M.c.business_key.startswith(f"{spelled},", autoescape=True),
            _M.c.business_key.startswith(f"{spelled}-", autoescape=True),
            _M.c.record.contains(f'"{spelled}"', autoescape=True),
        )
    ]
    return sa.or_(*named)


def _spellings(code: AgencyCode) -> set[str]:
    from ebrvt_connect.errors import InvalidValue

    try:
        return {code.text, code.qd20, code.qcvn102}
    except InvalidValue:  # of no official form: it has no other spelling
        return {code.text, code.qd20}


EVERYTHING = Choice()
