"""The shipped schema of the one-stop contract is the one its boundary types say."""

import pytest
from ebrvt_adapters.motcua import wire
from ebrvt_adapters.motcua.published import PUBLISHED, schema_text
from ebrvt_schemas import open_schema


@pytest.mark.parametrize("name", list(PUBLISHED))
def test_the_shipped_schema_is_made_from_the_boundary_type(name):
    shipped = open_schema(f"one_stop/{name}").decode()
    assert shipped == schema_text(PUBLISHED[name]), "python -m ebrvt_adapters.motcua.published FOLDER"


def test_what_identifies_a_dossier_is_required_and_nothing_else():
    assert '"required": [\n    "id",\n    "code",\n    "status",\n    "updatedAt",\n    "revision"\n  ]' in (
        schema_text(wire.Dossier)
    )
