"""`/voice/api/ari-health/` and the test of a provider config: how telephony is."""

from __future__ import annotations

from typing import Any, Literal

from jinaconnect.actions.calls.probing import try_trunk
from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.trunks.health import ari_health, trunk_figures
from jinaconnect.core.calls.health import WINDOWS
from jinaconnect.core.errors import Invalid
from jinaconnect.core.paging import SHORT, one_of
from jinaconnect.core.schema import Answer, Phone, Request, example
from jinaconnect.handlers.calls.operation import voice_operation
from jinaconnect.handlers.edge.schemas import Parameter
from jinaconnect.telephony.table import account_forms
from jinaconnect.telephony.trunks.profile import profiles

Status = Literal["unknown", "up", "degraded", "down"]


class Contact(Answer):
    """Whether the carrier answers, and how long its last answer took."""

    state: Literal["reachable", "unreachable", "unknown"]
    rtt_ms: float | None


class TrunkRegistration(Answer):
    """A trunk's registration at its carrier."""

    state: Literal["registered", "unregistered", "rejected", "unreachable", "unknown"]
    since: str | None


class Options(Answer):
    """Round trips of the last OPTIONS asked, and how many were lost in five minutes."""

    p50_ms: float | None
    p99_ms: float | None
    lost_5m: int


class Cause(Answer):
    """How often calls were not answered for a reason."""

    cause: str
    count: int


class Window(Answer):
    """Figures of outbound call attempts that ended within a time."""

    attempts: int
    answered: int
    asr: float | None
    ner: float | None
    acd_s: float | None
    pdd_ms: int | None
    causes: list[Cause]


class TrunkHealth(Answer):
    """How one trunk is, whose it is, and what calls over it can be told."""

    id: str
    name: str
    provider: str
    profile: str | None
    label: str
    capabilities: list[str]
    status: Status
    since: str | None
    asterisk: str | None
    contact: Contact
    registration: TrunkRegistration | None
    options: Options
    calls: int
    cap: int
    windows: dict[str, Window]


class Receipt(Answer):
    """When calls were last compared with an Asterisk, after what, and how long its events were away."""

    at: str
    reason: str
    gap_ms: int | None
    restart: bool


class AsteriskLink(Answer):
    """The link to an Asterisk that carries the trunks."""

    asterisk: str
    state: Literal["up", "down"]
    since: str | None
    last_reconciliation: Receipt | None


class AriHealth(Answer):
    """How telephony is; `asterisks` is there for the deployment's operators alone."""

    status: Literal["up", "degraded", "down"]
    checked_at: str
    trunks: list[TrunkHealth]
    links: list[AsteriskLink]
    asterisks: list[dict[str, Any]] | None = None


class TrunkSlot(Answer):
    """The figures of the attempts that ended in one slot."""

    at: str
    attempts: int
    asr: float | None
    ner: float | None
    acd_s: float | None


class RoundTrip(Answer):
    """One OPTIONS asked; `ms` is null where no answer came."""

    at: str
    ms: float | None


class TrunkFigures(Answer):
    """How a trunk has done, in 48 equal slots, and its last round trips."""

    trunk: str
    window: str
    slots: list[TrunkSlot]
    rtt: list[RoundTrip]


class VendorProfile(Answer):
    """What is known of a SIP carrier before an account of it is entered."""

    name: str
    display_name: str
    notes: str
    transport: Literal["udp", "tcp", "tls"]
    registration: bool
    auth: Literal["digest", "ip", "digest_or_ip"]
    codecs: list[str]


class AccountField(Answer):
    """A field of an account's credentials; what is `secret` is never shown again, `lines` how many it is typed in."""

    name: str
    label: str
    hint: str
    required: bool
    secret: bool
    lines: int
    default: str


class AccountForm(Answer, json_schema_extra=example(**account_forms()[0])):
    """What an account at an HTTP carrier consists of, before one is entered."""

    provider: str
    display_name: str
    notes: str
    fields: list[AccountField]
    capabilities: list[str]


class VendorProfiles(Answer):
    """The SIP carriers known, and the HTTP carriers an account can be at."""

    results: list[VendorProfile]
    accounts: list[AccountForm]


class TrunkTest(Request, json_schema_extra=example(call_to="+12025550111")):
    """Whom to call in the test; nobody when left out."""

    call_to: Phone | None = None


class Asked(Answer):
    """What an OPTIONS found; `sip_code` is null where the answer's code is not told.

    An HTTP carrier is asked whether it knows the credentials, and `error` says what it answered instead.
    """

    ok: bool
    rtt_ms: float | None
    sip_code: int | None
    error: str | None = None


class Called(Answer):
    """How the test call went; `cause` is its hangup cause, or why it could not be begun."""

    ok: bool
    sip_code: int | None
    cause: str
    pdd_ms: int | None


class TrunkTested(Answer):
    """The outcome of a test."""

    options: Asked
    registration: TrunkRegistration | None
    call: Called | None = None


@voice_operation(
    "GET", "ari-health/", id="ari_health", permission="voice.view", returns=AriHealth,
    query={"trunk": Parameter("Only the trunk with this id.", SHORT)},
)  # fmt: skip
async def read_health(ctx: OperationContext) -> dict[str, Any]:
    """Show how trunks are: reachable, registered, and the figures of their calls.

    `status` is "down" without a link to any Asterisk concerned, "degraded" while one or a trunk is not up. ASR is
    answered of attempted, NER what the network completed or the callee decided (ITU-T E.425), ACD the mean seconds of
    answered calls, PDD the median milliseconds from dialing to ringing or answer.
    """
    return await ari_health(ctx, ctx.caller.query.get("trunk"))


@voice_operation(
    "GET", "provider-configs/{id}/figures/", id="trunks.figures", permission="voice.manage", returns=TrunkFigures,
    query={"window": Parameter("How far back.", {**one_of(*WINDOWS), "default": "24h"})},
)  # fmt: skip
async def read_figures(ctx: Context, id: str) -> dict[str, Any]:
    """Show how a trunk has done over a window, for charts: ASR, NER and ACD by slot, and its last round trips."""
    window = ctx.caller.query.get("window", "24h")
    if window not in WINDOWS:
        raise Invalid.field("window", f"must be one of {', '.join(WINDOWS)}")
    return await trunk_figures(ctx, id, window)


@voice_operation("GET", "vendor-profiles/", id="vendor_profiles", permission="voice.manage", returns=VendorProfiles)
async def list_profiles(ctx: Context) -> dict[str, Any]:
    """List the SIP carriers that are known, for `credentials.vendor_profile` of a trunk, and the HTTP ones.

    `accounts` has what the `credentials` of a provider config at each HTTP carrier are.
    """
    return {
        "results": [
            each.model_dump(include=set(VendorProfile.model_fields), mode="json") for each in profiles().values()
        ],
        "accounts": account_forms(),
    }


@voice_operation(
    "POST", "provider-configs/{id}/test/", id="provider_configs.test", permission="voice.manage", body=TrunkTest,
    returns=TrunkTested, effect=True, errors=(429, 501, 503),
)  # fmt: skip
async def try_provider_config(ctx: OperationContext, id: str, body: TrunkTest) -> dict[str, Any]:
    """Ask a trunk's carrier now and, with `call_to`, place a short call that is ended at its answer.

    Answers within 20 seconds, whatever the carrier does; 503 `asterisk_down` while its Asterisk is away.
    """
    return await try_trunk(ctx, id, body.call_to)
