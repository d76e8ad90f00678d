"""Never run, only type-checked: each line uses the schemas the way a user would."""

from typing import assert_type

from ebrvt_schemas import open_schema

assert_type(open_schema("edxml/edxml.xsd"), bytes)
open_schema(b"edxml/edxml.xsd")  # type: ignore[arg-type]
