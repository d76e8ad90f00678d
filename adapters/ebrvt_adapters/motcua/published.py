"""The contract as JSON Schema, made from the boundary types: what `ebrvt_schemas/one_stop/` ships.

python -m ebrvt_adapters.motcua.published FOLDER      # writes the files anew
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import GenerateJsonSchema

from ebrvt_adapters.motcua import wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import core_schema

    from ebrvt_connect.codec.jsonfields import WireValue

PUBLISHED: Mapping[str, type[WireValue]] = {
    "dossier.schema.json": wire.Dossier,
    "progress-entry.schema.json": wire.ProgressEntry,
    "exchange-status.schema.json": wire.ExchangeStatus,
}
"""By file name."""


class _Published(GenerateJsonSchema):
    """Codes are texts on the wire; a field is known by its name, not by a made-up title."""

    def function_plain_schema(self, schema: core_schema.PlainValidatorFunctionSchema) -> JsonSchemaValue:
        del schema
        return {"type": "string"}

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401 - pydantic keeps its type to itself
        del schema
        return False


def schema_text(kind: type[WireValue]) -> str:
    """A boundary type as JSON Schema 2020-12; what is not in it is allowed and kept."""
    made = kind.model_json_schema(by_alias=True, schema_generator=_Published)
    said = {"$schema": _Published.schema_dialect, **made}
    return json.dumps(said, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    for name, kind in PUBLISHED.items():
        Path(sys.argv[1], name).write_text(schema_text(kind), encoding="utf-8")
