"""Decisions as values: when to try again, when to stop asking, how fast to go. No effects, no clock."""
