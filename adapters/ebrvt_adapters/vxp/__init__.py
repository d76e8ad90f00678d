"""The national document exchange axis (trục liên thông văn bản quốc gia) by its VXP interface, with edXML.

`Vxp` is the adapter, `VxpClient` its operations one by one for use without the daemon.
"""

from ebrvt_adapters.vxp.adapter import Vxp
from ebrvt_adapters.vxp.client import Packet, VxpClient
from ebrvt_adapters.vxp.settings import VxpSettings

__all__ = ["Packet", "Vxp", "VxpClient", "VxpSettings"]
