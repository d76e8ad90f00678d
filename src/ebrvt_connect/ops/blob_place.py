"""Where contents lie: small ones in the ledger, others in a folder of this machine or on an S3 server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ebrvt_connect.ops.config import CONFIG_INVALID, ConfigInvalid, secret_of
from ebrvt_connect.ops.config_model import Environment
from ebrvt_connect.ops.exposure import CONFIG_INSECURE, plain_http
from ebrvt_connect.store.blobs import LocalBlobs
from ebrvt_connect.store.blobs_in_ledger import LedgerBlobs
from ebrvt_connect.store.reserve import Reserve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ebrvt_connect.ops.config import LoadedConfig
    from ebrvt_connect.ops.config_model import S3Config
    from ebrvt_connect.ports.blobs import CollectableBlobs
    from ebrvt_connect.ports.clock import Clock

_S3 = "s3://"


def open_contents(loaded: LoadedConfig, database: sa.Engine, clock: Clock) -> CollectableBlobs:
    """All contents of this ledger, wherever they lie; raises as `open_blobs`."""
    return LedgerBlobs(database, open_blobs(loaded), clock)


def open_blobs(loaded: LoadedConfig) -> CollectableBlobs:
    """The configured blobs without what lies in the ledger; a folder is made, a server is not asked yet.

    Raises `ConfigInvalid` for a folder that cannot be made, a secret that is not there, or plain HTTP in
    production.
    """
    s3 = loaded.config.store.s3
    if s3 is not None:
        return _open_bucket(loaded, s3)
    try:
        return LocalBlobs(loaded.resolve(loaded.config.store.blobs))
    except OSError as failure:
        place = str(loaded.path)
        raise ConfigInvalid(
            CONFIG_INVALID,
            f"{place}: store.blobs: {failure}",
            key="store.blobs",
            place=place,
            what="không tạo được thư mục này",
        ) from failure


def disk_folders(loaded: LoadedConfig) -> Iterator[Path]:
    """The folders of this machine that the store writes to: the ledger's, then the blobs'."""
    url = sa.make_url(loaded.store_url())
    if url.get_backend_name() == "sqlite" and url.database:
        yield Path(url.database).parent
    if loaded.config.store.s3 is None:
        yield loaded.resolve(loaded.config.store.blobs)


def reserve_of(loaded: LoadedConfig) -> Reserve | None:
    """The reserve of disk space, where the configuration wants one; the folders must be there."""
    size = loaded.config.store.reserve
    return None if size is None else Reserve(disk_folders(loaded), size)


def _open_bucket(loaded: LoadedConfig, s3: S3Config) -> CollectableBlobs:
    exposed = plain_http(s3.endpoint, loaded)
    if exposed is not None and loaded.config.environment is Environment.PRODUCTION:
        detail = f"{loaded.path}: store.s3.endpoint: {exposed} is refused in production"
        raise ConfigInvalid(CONFIG_INSECURE, detail, system="store.s3", what=exposed)
    # Not above: a folder needs none of it.
    from ebrvt_connect.store.blobs_s3 import S3Blobs, S3Place

    bucket, _, prefix = loaded.config.store.blobs.removeprefix(_S3).partition("/")
    place = S3Place(
        endpoint=s3.endpoint,
        bucket=bucket,
        prefix=f"{prefix.strip('/')}/" if prefix.strip("/") else "",
        region=s3.region,
        access_key=secret_of(s3.access_key, "store.s3.access_key", loaded.resolve),
        secret_key=secret_of(s3.secret_key, "store.s3.secret_key", loaded.resolve),
        ca=None if s3.ca is None else loaded.resolve(s3.ca),
        connect_timeout=s3.connect_timeout.total_seconds(),
        read_timeout=s3.read_timeout.total_seconds(),
        tries=s3.tries,
    )
    where = loaded.writing.place(("store", "s3"))
    try:
        return S3Blobs(place)
    except ValueError as wrong:  # a bucket, prefix or region that no such server has
        what = f"không máy chủ S3 nào nhận ({wrong})"
        detail = f"{where}: store.s3: {wrong}"
        raise ConfigInvalid(CONFIG_INVALID, detail, key="store.s3", place=where, what=what) from wrong
    except ModuleNotFoundError as absent:
        what = "chưa cài thư viện cho S3, cài bằng: pip install 'ebrvt-connect[s3]'"
        detail = f"{where}: store.s3: {absent}; the extra s3 brings it"
        raise ConfigInvalid(CONFIG_INVALID, detail, key="store.s3", place=where, what=what) from absent
