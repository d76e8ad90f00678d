"""The template keeps what every adapter promises: held to the very test that `ebrvt new-adapter` writes."""

from tests.conformance.written import written_suite

TestKhuonmau = written_suite()
