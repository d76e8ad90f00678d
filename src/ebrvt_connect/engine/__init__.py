"""Moves messages: fetches, judges, sends, asks after, tells back. Imports ports, never an adapter."""
