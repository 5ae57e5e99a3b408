"""The sandbox's HTTP voice carriers: each takes its own requests, asks for documents and signs what it tells."""

from jinaconnect.telephony.simulator.hosted.carriers import (
    SIMULATED_PROVIDERS,
    SimulatedCarriers,
    simulated_credentials,
)

__all__ = ["SIMULATED_PROVIDERS", "SimulatedCarriers", "simulated_credentials"]
