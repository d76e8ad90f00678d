"""`doctor` asks a PostgreSQL server what SQLite need not be asked."""

import pytest
import sqlalchemy as sa

from ebrvt_connect.ops.checks import Grade, examine
from ebrvt_connect.ops.config import load_config
from ebrvt_connect.testing.clock import START, FakeClock

pytestmark = pytest.mark.postgres


def examined(folder, url):
    (folder / "ebrvt.toml").write_text(f'[province]\ncode = "H06"\n[store]\nurl = "{url}"\n')
    found = examine(load_config(folder / "ebrvt.toml"), FakeClock(START), reach=False)
    return {finding.name: finding for finding in found}


def test_a_sound_server_passes_and_is_named(tmp_path, databases):
    with databases.migrated() as url:
        found = examined(tmp_path, url)
    assert found["store"].grade is Grade.PASS
    assert found["database-server"].grade is Grade.PASS
    assert "UTF8" in found["database-server"].cause_vi


def test_a_database_in_another_encoding_fails(tmp_path, databases, postgres):
    name = "ebrvt_test_latin"
    with sa.create_engine(postgres, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool).connect() as tx:
        tx.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")
        tx.exec_driver_sql(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        url = sa.make_url(postgres).set(database=name).render_as_string(hide_password=False)
        found = examined(tmp_path, url)
        tx.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    assert found["database-server"].grade is Grade.FAIL
    assert "LATIN1" in found["database-server"].cause_vi


def test_a_server_that_does_not_answer_or_turns_us_away_is_told(tmp_path, databases):
    with databases.migrated() as url:
        wrong = (
            sa.make_url(url)
            .set(username="nguoi_la", password="bi-mat-sai")
            .render_as_string(hide_password=False)
        )
        refused = examined(tmp_path, wrong)["store"]
        away = sa.make_url(url).set(port=1).render_as_string(hide_password=False)
        gone = examined(tmp_path, away)["store"]
    assert (refused.grade, gone.grade) == (Grade.FAIL, Grade.FAIL)
    assert "STORE_REFUSED" in refused.cause_vi
    assert "STORE_BUSY" in gone.cause_vi
    assert "bi-mat" not in refused.cause_vi + refused.cure_vi
