"""The provincial document-management system (phần mềm quản lý văn bản, qlvb) over its REST dialect."""

from ebrvt_adapters.qlvb.adapter import Qlvb
from ebrvt_adapters.qlvb.client import QlvbClient
from ebrvt_adapters.qlvb.settings import QlvbCredentials, QlvbSettings

__all__ = ["Qlvb", "QlvbClient", "QlvbCredentials", "QlvbSettings"]
