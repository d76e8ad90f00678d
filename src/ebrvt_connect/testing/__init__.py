"""Shipped for tests, ours and a user's: a clock that obeys, a test PKI, the simulators' host."""
