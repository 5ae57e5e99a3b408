"""The simulated voice carrier of the sandbox."""

from jinaconnect.telephony.simulator.carrier import SimulatedSwitch

__all__ = ["SimulatedSwitch"]
