"""Bytes to values and back, pure: hardened XML, edXML, archives, JSON, multipart bodies.

Nothing here touches a network, a clock or a file of its own. What a stranger sent is read under
limits and either understood, kept with a warning, or refused with a coded `InvalidValue`.
"""
