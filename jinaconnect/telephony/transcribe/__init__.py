"""Recordings written down: by a model on this machine, or by a service asked over HTTP."""
