"""Every refusal the gateway can answer, as one tree of exceptions.

Raise one of these anywhere; `handlers/edge/http.py` turns it into `{"detail", "code"}` for REST and into an `error`
frame for the socket. Anything else that is raised is a bug and becomes a 500 without inner text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Detail = str | Mapping[str, Sequence[str]]


class GatewayError(Exception):
    """A refusal with an HTTP status, a stable code and a text for people.

    `extra` keys stand beside `detail` and `code` at the top level of the answer; `retry_after` (seconds) becomes
    the `Retry-After` header (RFC 9110 §10.2.3).
    """

    status: int = 500
    code: str = "server_error"

    def __init__(
        self,
        detail: Detail,
        *,
        code: str | None = None,
        retry_after: float | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(str(detail))
        self.detail = detail
        if code is not None:
            self.code = code
        self.retry_after = retry_after
        self.extra = dict(extra or {})

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the answer."""
        return {"detail": self.detail, "code": self.code, **self.extra}


class Broken(GatewayError):
    """What nobody foresaw; nothing is told of what it was, `where` may say how it is found in our log."""

    def __init__(self, where: str = "") -> None:
        super().__init__(f"Something broke on our side{where}.")


class Invalid(GatewayError):
    """The request does not fit the schema or names something it may not."""

    status = 400
    code = "validation_error"

    @classmethod
    def field(cls, name: str, message: str) -> Invalid:
        """Return the error of one field."""
        return cls({name: [message]})


class Malformed(GatewayError):
    """The body is not what its content type says."""

    status = 400
    code = "parse_error"


class InvalidState(GatewayError):
    """The resource cannot do that in the state it is in."""

    status = 400
    code = "invalid_state"


class SessionWindowClosed(GatewayError):
    """Free-form content outside the carrier's service window."""

    status = 400
    code = "session_window_closed"


class OptedOut(GatewayError):
    """The contact wants no message of this kind."""

    status = 400
    code = "opted_out"


class CarrierRefused(GatewayError):
    """A carrier refused what the caller asked for."""

    status = 400
    code = "provider_error"


class InvalidCursor(GatewayError):
    """The cursor is malformed, altered, of another log, or ahead of the head."""

    status = 400
    code = "invalid_cursor"


class NotAuthenticated(GatewayError):
    """No credentials, or credentials that do not hold."""

    status = 401
    code = "not_authenticated"


class AuthenticationFailed(NotAuthenticated):
    """The credentials given are wrong."""

    code = "authentication_failed"


class TokenExpired(NotAuthenticated):
    """The token was good once."""

    code = "token_expired"


class InvalidApiKey(NotAuthenticated):
    """The API key is unknown, revoked or expired."""

    code = "invalid_api_key"


class BadSignature(GatewayError):
    """A webhook whose signature does not fit its bytes."""

    status = 401
    code = "bad_signature"


class PermissionDenied(GatewayError):
    """The principal's role lacks the permission."""

    status = 403
    code = "permission_denied"


class NotFound(GatewayError):
    """The id is unknown here; a foreign id gives the same bytes."""

    status = 404
    code = "not_found"

    def __init__(self, detail: Detail = "Not found.", **kwargs: Any) -> None:
        super().__init__(detail, **kwargs)


class MethodNotAllowed(GatewayError):
    """The path exists, the method does not."""

    status = 405
    code = "method_not_allowed"


class Conflict(GatewayError):
    """Someone else was first, or the thing exists already."""

    status = 409
    code = "conflict"


class CursorExpired(GatewayError):
    """The cursor is older than the log keeps, or of an older log."""

    status = 410
    code = "cursor_expired"


class PayloadTooLarge(GatewayError):
    """The body or frame exceeds its limit."""

    status = 413
    code = "payload_too_large"


class UnsupportedMediaType(GatewayError):
    """The content type is not one the operation reads."""

    status = 415
    code = "unsupported_media_type"


class Throttled(GatewayError):
    """Too many requests; `retry_after` is always set."""

    status = 429
    code = "throttled"

    def __init__(self, detail: Detail, *, retry_after: float, **kwargs: Any) -> None:
        super().__init__(detail, retry_after=retry_after, **kwargs)


class NotSupported(GatewayError):
    """The carrier has no such operation."""

    status = 501
    code = "not_supported_by_provider"


class CarrierFailed(GatewayError):
    """The carrier answered nonsense or broke."""

    status = 502
    code = "provider_error"


class Unavailable(GatewayError):
    """Something the gateway stands on is away; trying again later will do."""

    status = 503
    code = "unavailable"

    def __init__(self, detail: Detail, *, retry_after: float = 2.0, **kwargs: Any) -> None:
        super().__init__(detail, retry_after=retry_after, **kwargs)


class OutcomeUnknown(GatewayError):
    """What was asked for was begun, and nobody can tell whether it was done: look before asking once more."""

    status = 504
    code = "outcome_unknown"


class CarrierTimeout(GatewayError):
    """The carrier did not answer in time."""

    status = 504
    code = "provider_timeout"
