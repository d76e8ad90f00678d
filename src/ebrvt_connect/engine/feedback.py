"""What a source is told about its item, as messages of their own, stored with the outcome they tell of."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ebrvt_connect.model.record import kind_of
from ebrvt_connect.ports.adapter import Adapter, Outcome, Source
from ebrvt_connect.ports.ledger import NewMessage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebrvt_connect.model.message import Message
    from ebrvt_connect.model.record import Record
    from ebrvt_connect.ports.adapter import Feedback

FEEDBACK_LINK = "~feedback"
"""A feedback's link is its origin's name with this behind it."""
_DEEPEST = 2
"""A feedback may be answered (an arrival status, and that it was sent); an answer to that is a loop."""

_log = logging.getLogger(__name__)


def feedback_for(
    systems: Mapping[str, Adapter], message: Message, record: Record | None, outcome: Outcome
) -> tuple[NewMessage, ...]:
    """What the message's source wants to be told of `outcome`.

    A source that fails here has a programming error: it is logged, and the outcome is recorded all the
    same, since nothing about the remote's answer may be lost.
    """
    source = systems.get(message.source)
    if not isinstance(source, Source) or message.link.count(FEEDBACK_LINK) >= _DEEPEST:
        return ()
    try:
        wanted = source.feedback(message, record, outcome)
    except Exception:  # noqa: BLE001 - see above
        _log.exception("feedback of %s for message %s failed", message.source, message.id)
        return ()
    return tuple(_message_of(message, one) for one in wanted)


def _message_of(origin: Message, feedback: Feedback) -> NewMessage:
    """A feedback travels back the way its origin came, in the origin's lane.

    What a person has let go on may be held or refused once more, for another reason: that is told again.
    """
    again = f":{origin.released + 1}" if origin.released else ""
    return NewMessage(
        idem_key=f"{origin.idem_key}>{feedback.key}{again}",
        link=origin.link + FEEDBACK_LINK,
        source=origin.target,
        target=origin.source,
        kind=kind_of(feedback.record),
        lane=origin.lane,
        business_key=origin.business_key,
        title=origin.title,
        record=feedback.record.model_dump_json(),
        origin_id=origin.id,
    )
