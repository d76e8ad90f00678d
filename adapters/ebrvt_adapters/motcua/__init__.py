"""The provincial one-stop shop (hệ thống một cửa điện tử, motcua) over its REST dialect."""

from ebrvt_adapters.motcua.adapter import Motcua
from ebrvt_adapters.motcua.client import MotcuaClient
from ebrvt_adapters.motcua.settings import MotcuaCredentials, MotcuaSettings

__all__ = ["Motcua", "MotcuaClient", "MotcuaCredentials", "MotcuaSettings"]
