"""Judges signatures from what it is handed: bytes, policy, trust store, time. No file, network or clock."""
