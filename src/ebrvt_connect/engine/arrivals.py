"""What arrives is named by texts of its sender; a name the ledger cannot keep holds its item, and no other.

Names are indexed, and an index takes entries of a few kilobytes at most; no database takes the character
NUL in all of them, none half a surrogate pair. The name is then kept by its beginning and a digest, so that
the item is known again.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from ebrvt_connect.errors import HeldForPerson, explain, tellable
from ebrvt_connect.ports.adapter import Batch

if TYPE_CHECKING:
    from ebrvt_connect.ports.adapter import Item

NAME_UNUSABLE = explain(
    "ARRIVAL_NAME_UNUSABLE",
    "Mục nhận từ hệ thống {system} có định danh không dùng được ({names}): dài quá {limit} ký tự hoặc chứa "
    "ký tự không hợp lệ.",
    "Xem nội dung gốc đã lưu, báo đơn vị vận hành hệ thống {system} sửa định danh rồi gửi lại; sau đó bỏ "
    "qua mục này.",
)

LONGEST_NAME = 500
"""Characters; document ids, dossier codes and ids of remotes have a tenth of that."""
_KEPT, _TITLE = 100, 1000
_NUL = "\0"


def storable(batch: Batch, system: str) -> Batch:
    """The batch with every item named so that it can be stored; held where that was not so."""
    if all(_is_sound(item) for item in batch.items):
        return batch
    return replace(batch, items=tuple(_sound(item, system) for item in batch.items))


def _names(item: Item) -> dict[str, str]:
    return {
        "external_id": item.external_id,
        "version": item.version,
        "lane": item.lane,
        "business_key": item.business_key,
    }


def _is_sound(item: Item) -> bool:
    names = (*_names(item).values(), item.same_as, item.title)
    return all(len(name) <= LONGEST_NAME and tellable(name) == name for name in names)


def _sound(item: Item, system: str) -> Item:
    wrong = [field for field, name in _names(item).items() if _kept(name) != name]
    changed = replace(
        item,
        external_id=_kept(item.external_id),
        version=_kept(item.version),
        lane=_kept(item.lane),
        business_key=_kept(item.business_key),
        # It only says what is the same: a digest says that as well.
        same_as=_kept(item.same_as),
        title=tellable(item.title)[:_TITLE],
    )
    if not wrong or item.fault is not None:
        return changed
    fault = HeldForPerson(
        NAME_UNUSABLE,
        f"{', '.join(wrong)}: expected at most {LONGEST_NAME} characters, no NUL and no half of a pair, "
        f"got {changed.external_id[:_KEPT]!r}",
        system=system,
        operation="fetch",
        names=", ".join(wrong),
        limit=LONGEST_NAME,
    )
    return replace(changed, fault=fault)


def _kept(name: str) -> str:
    if len(name) <= LONGEST_NAME and tellable(name) == name:
        return name
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{tellable(name[:_KEPT].replace(_NUL, ' '))}~{digest}"
