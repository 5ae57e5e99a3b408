"""What can go wrong on the way to Asterisk, as one tree.

`uncertain` says whether the request may have taken effect all the same: a connection that was refused changed
nothing, a connection that broke after the request left may have. Ids are chosen by the caller, so an uncertain
request is asked about or repeated with the same id.
"""

from __future__ import annotations


class AriError(Exception):
    """A request to Asterisk, or the event connection, failed."""

    uncertain: bool = False


class AriUnreachable(AriError):
    """No connection to Asterisk, or it broke before the answer was complete."""

    def __init__(self, message: str, *, uncertain: bool = False) -> None:
        super().__init__(message)
        self.uncertain = uncertain


class AriTimeout(AriError):
    """Asterisk did not answer before the deadline; what was asked may still happen."""

    uncertain = True

    def __init__(self, message: str, *, deadline_s: float) -> None:
        super().__init__(message)
        self.deadline_s = deadline_s


class AriRefused(AriError):
    """Asterisk answered with a status outside 2xx; `body` is its text, cut to 2,000 characters."""

    def __init__(self, request: str, status: int, body: str) -> None:
        super().__init__(f"{request} was refused with {status}: {body[:200]}")
        self.request = request
        self.status = status
        self.body = body[:2000]


class AriDenied(AriRefused):
    """401 or 403: the user or password is wrong, or the user may only read."""


class AriNotFound(AriRefused):
    """404: the channel, bridge, playback, recording, application or object is not there (any more)."""


class AriConflict(AriRefused):
    """409: the id is taken, or the thing is not in a state that allows it (a channel outside the application)."""


class AriTrunkDown(AriRefused):
    """Asterisk made no channel for an originate: the endpoint has no reachable contact, or does not exist.

    Asterisk says 500 "Allocation failed" for it and sends no event.
    """


class AriProtocol(AriError):
    """The answer is not what ARI describes: no JSON, a field missing, a file larger than allowed."""


def refusal(request: str, status: int, body: str) -> AriRefused:
    """Return the error for an answer outside 2xx."""
    kind = {401: AriDenied, 403: AriDenied, 404: AriNotFound, 409: AriConflict}.get(status, AriRefused)
    return kind(request, status, body)
