"""Whether a call may be recorded, or listened to while it goes on, where that needs the contact's consent."""

from __future__ import annotations

from dataclasses import dataclass

ALLOWED, WITH_CONSENT, FORBIDDEN = "allowed", "with_consent", "forbidden"
SUPERVISION = (ALLOWED, WITH_CONSENT, FORBIDDEN)  # what a tenant may say of listening to live calls
CONSENT_METHODS = ("verbal_ivr", "web_form", "api", "implied", "")


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether it is allowed and why: not_required, given, no_contact, no_consent, withheld or forbidden."""

    allowed: bool
    reason: str


def recording_allowed(*, required: bool, contact: str | None, consent_given: bool | None) -> Decision:
    """Return the decision for a call.

    `required` is the voice app's `recording_requires_consent` (False without a voice app), or that the law of either
    end asks for it (`core/rules/recording.py`), `contact` the id of whom we talk to, `consent_given` that of the
    contact's consent row, None without a row.
    """
    if not required:
        return Decision(True, "not_required")
    if contact is None:
        return Decision(False, "no_contact")
    if consent_given is None:
        return Decision(False, "no_consent")
    return Decision(True, "given") if consent_given else Decision(False, "withheld")


def supervision_allowed(*, rule: str, contact: str | None, consent_given: bool | None) -> Decision:
    """Return whether a live call may be listened to; `rule` is the voice app's `supervision`.

    A consent to being recorded is one to being heard.
    """
    if rule == FORBIDDEN:
        return Decision(False, "forbidden")
    return recording_allowed(required=rule == WITH_CONSENT, contact=contact, consent_given=consent_given)
