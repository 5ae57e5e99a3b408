"""Why a call ended: SIP answers, Q.850 cause values and our own names, mapped into each other.

Sources: ITU-T Q.850 for the values and their names, RFC 3398 §7.2.4.1 and §8.2.6.1 for the way between ISUP and SIP,
and what Asterisk's PJSIP channel was measured to do where it differs (480 is 19 there, 503 is 34, 408 is 18).
"""

from __future__ import annotations

from collections.abc import Mapping

NORMAL_CLEARING = "NORMAL_CLEARING"
USER_BUSY = "USER_BUSY"
NO_ANSWER = "NO_ANSWER"
NO_USER_RESPONSE = "NO_USER_RESPONSE"
CALL_REJECTED = "CALL_REJECTED"
NUMBER_UNALLOCATED = "NUMBER_UNALLOCATED"
NETWORK_OUT_OF_ORDER = "NETWORK_OUT_OF_ORDER"
NORMAL_TEMPORARY_FAILURE = "NORMAL_TEMPORARY_FAILURE"
RESOURCE_UNAVAILABLE = "RESOURCE_UNAVAILABLE"
FACILITY_REJECTED = "FACILITY_REJECTED"
DESTINATION_OUT_OF_ORDER = "DESTINATION_OUT_OF_ORDER"
INVALID_NUMBER_FORMAT = "INVALID_NUMBER_FORMAT"
INTERWORKING = "INTERWORKING"
UNKNOWN = "UNKNOWN"
UNWANTED = "UNWANTED"  # 607: the called party wants no more calls of this caller (RFC 8197)
REJECTED_BY_ANALYSIS = "REJECTED_BY_ANALYSIS"  # 608: a service on the way refuses the caller, unasked (RFC 8688)
ANONYMITY_DISALLOWED = "ANONYMITY_DISALLOWED"  # 433: nobody is talked to who withholds their number (RFC 5079)
ALTERNATIVE_SERVICE = "ALTERNATIVE_SERVICE"  # 380: not this way, but by another service (RFC 3261 section 21.3.5)
MEDIA_TIMEOUT = "MEDIA_TIMEOUT"  # nothing was heard of a party any more

CAUSES = (
    NORMAL_CLEARING, USER_BUSY, NO_ANSWER, NO_USER_RESPONSE, CALL_REJECTED, NUMBER_UNALLOCATED, NETWORK_OUT_OF_ORDER,
    NORMAL_TEMPORARY_FAILURE, RESOURCE_UNAVAILABLE, FACILITY_REJECTED, DESTINATION_OUT_OF_ORDER,
    INVALID_NUMBER_FORMAT, INTERWORKING, UNKNOWN, MEDIA_TIMEOUT, UNWANTED, REJECTED_BY_ANALYSIS, ANONYMITY_DISALLOWED,
    ALTERNATIVE_SERVICE,
)  # fmt: skip

# What a call of ours is not refused with: Asterisk has no answer for it.
NEVER_OURS = frozenset({MEDIA_TIMEOUT, UNWANTED, REJECTED_BY_ANALYSIS, ANONYMITY_DISALLOWED, ALTERNATIVE_SERVICE})
# What Asterisk gives a channel whose audio has stopped (`rtp_timeout`).
SILENT_Q850 = 44

# 31 and 34 are gathered under one name with 41, their neighbours: all three ask for another try later.
CAUSE_OF_Q850: Mapping[int, str] = {
    1: NUMBER_UNALLOCATED,
    16: NORMAL_CLEARING,
    17: USER_BUSY,
    18: NO_USER_RESPONSE,
    19: NO_ANSWER,
    21: CALL_REJECTED,
    27: DESTINATION_OUT_OF_ORDER,
    28: INVALID_NUMBER_FORMAT,
    29: FACILITY_REJECTED,
    31: NORMAL_TEMPORARY_FAILURE,
    34: NORMAL_TEMPORARY_FAILURE,
    38: NETWORK_OUT_OF_ORDER,
    41: NORMAL_TEMPORARY_FAILURE,
    47: RESOURCE_UNAVAILABLE,
    127: INTERWORKING,
}

# 487 answers an INVITE that was cancelled, which is an orderly end. A redirection (3xx) is not followed, so to the
# caller it is a refusal.
Q850_OF_SIP: Mapping[int, int] = {
    200: 16,
    300: 21, 301: 21, 302: 21, 305: 21,
    401: 21, 402: 21, 403: 21, 404: 1, 407: 21, 408: 18, 409: 41, 410: 1, 480: 19, 484: 28, 485: 1, 486: 17, 487: 16,
    500: 38, 501: 29, 502: 27, 503: 34, 504: 41,
    600: 17, 603: 21, 604: 1,
}  # fmt: skip

# What is said by SIP alone: Q.850 has no value for it, so the one beside it (21, 127) is a makeshift.
_OWN_NAME: Mapping[int, str] = {
    380: ALTERNATIVE_SERVICE, 433: ANONYMITY_DISALLOWED, 607: UNWANTED, 608: REJECTED_BY_ANALYSIS,
}  # fmt: skip

# What Asterisk answers to an unanswered INVITE when its channel is ended with `reason_code`.
SIP_OF_Q850: Mapping[int, int] = {
    1: 404, 17: 486, 18: 408, 19: 480, 21: 403, 27: 502, 28: 484, 29: 501, 34: 503, 38: 500, 127: 500,
}  # fmt: skip

_REJECTION: Mapping[str, int] = {
    NUMBER_UNALLOCATED: 1,
    USER_BUSY: 17,
    NO_USER_RESPONSE: 18,
    NO_ANSWER: 19,
    CALL_REJECTED: 21,
    DESTINATION_OUT_OF_ORDER: 27,
    INVALID_NUMBER_FORMAT: 28,
    FACILITY_REJECTED: 29,
    NORMAL_TEMPORARY_FAILURE: 34,
    RESOURCE_UNAVAILABLE: 34,
    NETWORK_OUT_OF_ORDER: 38,
    INTERWORKING: 127,
}

# Values that say nothing a SIP answer beside them would not say better: none, unspecified, interworking.
_VAGUE = frozenset({0, 31, 127})


def of_sip(code: int | None) -> str:
    """Return the cause of a final SIP answer; a code the table lacks goes by its class, as RFC 3398 §8.2.6.1 does."""
    if code is None:
        return UNKNOWN
    if code in _OWN_NAME:
        return _OWN_NAME[code]
    if code in Q850_OF_SIP:
        return CAUSE_OF_Q850[Q850_OF_SIP[code]]
    if 300 <= code < 400:
        return CALL_REJECTED
    return INTERWORKING if 400 <= code < 700 else UNKNOWN


def after_answer(cause: str) -> str:
    """Return what a cause means of a call that had been answered: whatever a carrier's reason, it was cleared."""
    return cause if cause == MEDIA_TIMEOUT else NORMAL_CLEARING


def hangup_cause(q850: int | None, sip_code: int | None = None, *, answered: bool) -> str:
    """Return the canonical cause of an end.

    A definite Q.850 value wins over the SIP answer, unless that has a name of its own; a vague or unlisted one loses
    to it. After the answer a call is cleared, whatever reason the carrier gives (`carrier_reason`).
    """
    if answered:
        return MEDIA_TIMEOUT if q850 == SILENT_Q850 else NORMAL_CLEARING
    if sip_code is not None and sip_code in _OWN_NAME:
        return _OWN_NAME[sip_code]
    definite = q850 is not None and q850 not in _VAGUE and q850 in CAUSE_OF_Q850
    if definite and q850 is not None:
        return CAUSE_OF_Q850[q850]
    if sip_code is not None and sip_code >= 300:
        by_sip = of_sip(sip_code)
        if by_sip != UNKNOWN:
            return by_sip
    return UNKNOWN if q850 is None else CAUSE_OF_Q850.get(q850, UNKNOWN)


def carrier_reason(q850: int | None, sip_code: int | None) -> dict[str, int]:
    """Return what a carrier gave as its reason for ending an answered call (RFC 3326), empty for an ordinary end."""
    found: dict[str, int] = {}
    if q850 is not None and q850 not in (0, 16, SILENT_Q850):
        found["q850"] = q850
    if sip_code is not None and 300 <= sip_code <= 699:
        found["sip_code"] = sip_code
    return found


def rejection_code(cause: str) -> int:
    """Return the `reason_code` that makes Asterisk refuse an unanswered inbound call for `cause`.

    Causes that are no refusal (NORMAL_CLEARING, UNKNOWN) give 21, which the caller sees as 403.
    """
    return _REJECTION.get(cause, 21)


def rejection_sip(cause: str) -> int:
    """Return the SIP answer a caller gets for `rejection_code(cause)`."""
    return SIP_OF_Q850[rejection_code(cause)]
