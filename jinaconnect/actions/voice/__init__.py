"""Use cases of telephony: trunks, calls, their control, IVR, recordings, health."""
