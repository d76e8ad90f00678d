"""The conformance test that `ebrvt new-adapter` writes, turned on the template itself."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from ebrvt_connect.ops.scaffold import TEMPLATE

if TYPE_CHECKING:
    from ebrvt_connect.testing.conformance_faults import FaultConformance


def written_suite() -> type[FaultConformance]:
    """The test class in it, as if the template had been installed under its own name."""
    file = files("ebrvt_adapters").joinpath("_template", "project", "test_conformance.py.in")
    text = file.read_text("utf-8").replace(f"ebrvt_{TEMPLATE}", "ebrvt_adapters._template")
    names: dict[str, Any] = {"__name__": __name__}
    exec(compile(text, str(file), "exec"), names)
    suite: type[FaultConformance] = names["TestKhuonmau"]
    return suite
