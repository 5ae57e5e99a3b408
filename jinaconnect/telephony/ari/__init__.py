"""Asterisk's REST interface (ARI): requests, events, and the ids this gateway gives to channels and bridges."""
