"""How `ebrvt run` ends when its database is away."""

import threading
from datetime import timedelta
from types import SimpleNamespace

from ebrvt_connect.errors import RetryLater
from ebrvt_connect.ops.commands.run import _work
from ebrvt_connect.store.connect import STORE_BUSY


def province(paused):
    engine = SimpleNamespace(start=lambda: None, stop=lambda _within: True)
    config = SimpleNamespace(engine=SimpleNamespace(stop_within=timedelta(seconds=1)))
    loaded = SimpleNamespace(config=config, store_place=lambda: "db.tinh.example/ebrvt")
    return SimpleNamespace(warnings=(), engine=engine, loaded=loaded, ledger=SimpleNamespace(paused=paused))


def test_a_daemon_whose_database_is_away_ends_all_the_same(capsys):
    """It failed as a command after it had ended, and the dispatcher's threads kept the process alive."""

    def away():
        raise RetryLater(STORE_BUSY, "connection refused")

    stopping = threading.Event()
    stopping.set()
    assert _work(province(away), lambda: True, stopping) is False
    assert "STORE_BUSY" in (err := capsys.readouterr().err)
    assert err.rstrip().endswith("việc dở dang sẽ được hỏi lại khi khởi động.")
    assert _work(province(dict), lambda: True, stopping) is True
