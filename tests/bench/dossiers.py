"""Dossiers mapped per second: from the one-stop shop's JSON to our record, from the record to the portal's.

The peer is the least that any mapping costs: the same JSON read, or written, with the standard library.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ebrvt_adapters.dvcqg.mapping import mapped_dossier, mapped_progress
from ebrvt_adapters.motcua.mapping import dossier_of, record_of
from ebrvt_adapters.motcua.statuses import sample

from tests.bench.measure import Figure, aimed, rates
from tests.bench.packets import repeated
from tests.contract.dvcqg.desk import AGREED, catalogue, make_dossier, make_entry
from tests.contract.motcua import shop

if TYPE_CHECKING:
    from tests.bench.measure import Setup

_TARGET_PER_SECOND = 3000
_NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)


def measure(setup: Setup) -> list[Figure]:
    row = json.dumps(shop.dossier(), ensure_ascii=False).encode()
    statuses = sample()
    record, entry = make_dossier(), make_entry()
    said = json.loads(mapped_dossier(record, AGREED, catalogue).content)
    step = json.loads(mapped_progress(entry).content)
    contests = {
        "dossier, shop's JSON to record": (
            lambda: record_of(dossier_of(row), statuses, {}, now=_NOW),
            {"json.loads": lambda: json.loads(row)},
        ),
        "dossier, record to portal's JSON": (
            lambda: mapped_dossier(record, AGREED, catalogue).content,
            {"json.dumps": lambda: json.dumps(said, ensure_ascii=False)},
        ),
        "progress entry, record to portal's JSON": (
            lambda: mapped_progress(entry).content,
            {"json.dumps": lambda: json.dumps(step, ensure_ascii=False)},
        ),
    }
    return [
        aimed(figure, _TARGET_PER_SECOND)
        for what, (ours, peers) in contests.items()
        for figure in rates(
            what, repeated(ours), {name: repeated(act) for name, act in peers.items()}, setup.sizes
        )
    ]
