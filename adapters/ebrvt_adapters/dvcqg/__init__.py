"""The National Public Service Portal (Cổng Dịch vụ công quốc gia): dossiers and their progress go there.

`Dvcqg` is the adapter, `DvcqgClient` its operations one by one for use without the daemon.
"""

from ebrvt_adapters.dvcqg.adapter import Dvcqg
from ebrvt_adapters.dvcqg.client import DvcqgClient
from ebrvt_adapters.dvcqg.settings import DvcqgSettings

__all__ = ["Dvcqg", "DvcqgClient", "DvcqgSettings"]
