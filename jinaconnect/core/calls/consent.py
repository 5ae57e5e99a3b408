"""Whether a call may be recorded, where a tenant's recordings need the contact's consent."""

from __future__ import annotations

from dataclasses import dataclass

CONSENT_METHODS = ("verbal_ivr", "web_form", "api", "implied", "")


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether recording is allowed and why: not_required, given, no_contact, no_consent or withheld."""

    allowed: bool
    reason: str


def recording_allowed(*, required: bool, contact: str | None, consent_given: bool | None) -> Decision:
    """Return the decision for a call.

    `required` is the voice app's `recording_requires_consent` (False without a voice app), `contact` the id of whom
    we talk to, `consent_given` that of the contact's consent row, None without a row.
    """
    if not required:
        return Decision(True, "not_required")
    if contact is None:
        return Decision(False, "no_contact")
    if consent_given is None:
        return Decision(False, "no_consent")
    return Decision(True, "given") if consent_given else Decision(False, "withheld")
