"""Asterisks of the telephony tests."""

from tests.telephony.asterisk import ari, asterisk, carrier, heard, own_asterisk

__all__ = ["ari", "asterisk", "carrier", "heard", "own_asterisk"]
