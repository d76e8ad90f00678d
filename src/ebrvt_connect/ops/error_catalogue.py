"""Every error code of the house and of the installed adapters, for `ebrvt explain` and the generated page."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import ebrvt_connect
from ebrvt_connect.errors import CATALOGUE
from ebrvt_connect.ops.catalogue import ADAPTERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ebrvt_connect.errors import Explanation


def full_catalogue() -> Mapping[str, Explanation]:
    """Import every module that registers explanations, then answer the catalogue by code."""
    for module in pkgutil.walk_packages(ebrvt_connect.__path__, "ebrvt_connect."):
        if not module.name.startswith(("ebrvt_connect.ops.demo", "ebrvt_connect.testing")):
            importlib.import_module(module.name)
    for entry in entry_points(group=ADAPTERS):
        entry.load()
    return CATALOGUE
