"""`/voice/api/templates/`: texts, audio and IVRs for calls."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from jinaconnect.actions.context import Context
from jinaconnect.actions.ivr import compiling, templates
from jinaconnect.core.errors import Invalid
from jinaconnect.core.events.payloads.base import like
from jinaconnect.core.events.payloads.voice import TEMPLATE, VoiceTemplateData
from jinaconnect.core.ivr.dialects.table import Carrier
from jinaconnect.core.ivr.graph import Audio
from jinaconnect.core.paging import Filter, Listing, bool_filter
from jinaconnect.core.schema import Answer, Given, Request, Text, example
from jinaconnect.handlers.calls.fields import Graph
from jinaconnect.handlers.calls.operation import voice_operation
from jinaconnect.handlers.edge.crud import Does, crud
from jinaconnect.handlers.edge.schemas import Parameter

TEMPLATES = Listing(
    filters={"template_kind": Filter("template_kind"), "is_active": bool_filter("is_active")}, search=("name",),
    orderings={"created_at": "_id"},
)
Kind = Literal["tts_script", "audio_url", "ivr_menu"]
Level = Literal["exact", "emulated", "refused"]
Named = Annotated[Text, StringConstraints(min_length=1, max_length=100)]


def _blank(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


class VoiceTemplateFields(Request, json_schema_extra=example(tts_text="Hello {{name}}, your order is ready.")):
    """What may be changed of a template; `providers` are the HTTP carriers an IVR must be sayable at."""

    name: Given[Named] = None
    description: Annotated[Text, StringConstraints(max_length=2000)] | None = None
    is_active: Given[bool] = None
    template_kind: Given[Kind] = None
    tts_text: Annotated[Text, StringConstraints(max_length=4000)] | None = None
    tts_voice: Annotated[Text, StringConstraints(max_length=64)] | None = None
    tts_language: Annotated[str, StringConstraints(max_length=10, pattern=r"^[A-Za-z0-9-]*$")] | None = None
    audio_url: Annotated[Audio | None, BeforeValidator(_blank)] = None
    audio_format: Literal["mp3", "wav"] | None = None
    graph: Graph | None = None
    providers: Annotated[list[Carrier], Field(max_length=10)] | None = None


class NewVoiceTemplate(
    VoiceTemplateFields,
    json_schema_extra=example(
        name="Order ready", template_kind="tts_script", tts_text="Hello {{name}}, your order is ready."
    ),
):
    """A template to add; `graph` for an IVR, `tts_text` for a script, `audio_url` for audio."""

    name: Named
    template_kind: Kind


class Values(Request, json_schema_extra=example(variables={"name": "Ann"})):
    """Values of placeholders."""

    variables: dict[str, Any] = Field(default_factory=dict)


class Script(Request, json_schema_extra=example(inputs=[{"keys": "1"}, {"silence_s": 10}], variables={"name": "Ann"})):
    """What the caller does: keys, silences, a hangup, how a transfer is answered."""

    inputs: list[dict[str, Any]] = Field(default_factory=list, max_length=1000)
    variables: dict[str, Any] = Field(default_factory=dict)


class GraphScript(
    Script,
    json_schema_extra=example(
        inputs=[{"keys": "1"}],
        graph={
            "entry_node_id": "hello",
            "nodes": [
                {"id": "hello", "type": "voice.play", "data": {"tts_text": "Hello."}},
                {"id": "end", "type": "voice.hangup", "data": {}},
            ],
            "edges": [{"source": "hello", "target": "end", "on": "done"}],
        },
    ),
):
    """An IVR that need not be saved, and what the caller does."""

    graph: Graph


class GraphToCheck(
    Request,
    json_schema_extra=example(
        graph={"entry_node_id": "end", "nodes": [{"id": "end", "type": "voice.hangup"}]}, providers=[]
    ),
):
    """An IVR that need not be saved, and the carriers it must be sayable at."""

    graph: Graph
    providers: Annotated[list[Carrier], Field(max_length=10)] | None = None


class VoiceTemplateChanges(
    VoiceTemplateFields, json_schema_extra=example(tts_text="Hello {{name}}, your order is ready.", version=3)
):
    """What is to be changed; given the `version` it was made from, 409 `changed_meanwhile` where there is another."""

    version: Given[Annotated[int, Field(ge=1)]] = None


class NodeType(Answer):
    """A type of node; `keys` tells that strings of keys are outcomes besides, `data` is the JSON schema of its data."""

    type: str
    title: str
    outcomes: list[str]
    keys: bool
    data: dict[str, Any]


class NodeTypes(Answer):
    """What a graph may be made of."""

    results: list[NodeType]


class GraphChecked(Answer):
    """What saving an IVR would be refused for; and where it would not, what is odd about it, and its levels."""

    ok: bool
    faults: dict[str, list[str]]
    warnings: list[str]
    levels: dict[str, Level]


class VoiceTemplateOut(VoiceTemplateData, json_schema_extra=like(TEMPLATE, graph=None)):
    """A voice template; `compiled` of an IVR only."""

    graph: dict[str, Any] | None


class Preview(Answer):
    """What a template says."""

    rendered_text: str | None
    tts_voice: str | None
    tts_language: str | None
    audio_url: str | None


class Simulation(Answer):
    """How an IVR went."""

    outcome: Literal["hangup", "transfer", "waiting", "failed"]
    path: list[str]
    transcript: list[dict[str, Any]]
    variables: dict[str, Any]


class CompiledDocument(Answer):
    """What a carrier is answered at a node: XML, or JSON."""

    provider: Carrier
    node: str
    content_type: str
    body: str


class CompiledNote(Answer):
    """How exactly a carrier does what a node means; `text` tells what differs."""

    provider: Carrier
    node: str
    level: Level
    text: str


class FlowPart(Answer):
    """An applet a flow at Exotel is built of, once for all IVRs.

    `case` is the SwitchCase's word for it, `address` what it asks: of the account, with its id and token. `used` tells
    whether this IVR needs it.
    """

    applet: str
    case: str | None
    address: str | None
    leads_to: list[str]
    text: str
    used: bool


class AppletAnswer(Answer):
    """What an applet is answered at a node, after those before it; without `content_type` it asks nothing."""

    node: str
    applet: str
    content_type: str | None
    body: str


class AppletFlow(Answer):
    """An IVR as it is led by a flow of Exotel's dashboard, whose applets ask one after the other."""

    level: Level
    parts: list[FlowPart]
    answers: list[AppletAnswer]
    notes: list[CompiledNote]


class Compilation(Answer):
    """An IVR as carriers are told it, with the worst level of each; `applets` is Exotel's, without ExoML."""

    levels: dict[str, Level]
    documents: list[CompiledDocument]
    notes: list[CompiledNote]
    applets: AppletFlow | None


_TEMPLATES = partial(
    crud, "templates", "templates/", VoiceTemplateOut, view="voice.view", manage="voice.manage", declare=voice_operation
)
_TEMPLATES(
    list=Does(templates.list_templates, "List the templates, newest first.", TEMPLATES),
    create=Does(
        templates.create_template, "Add a template; an IVR is checked whole: 400 names every fault by node.",
        NewVoiceTemplate,
    ),
)  # fmt: skip


@voice_operation("GET", "templates/node-types/", id="templates.node_types", permission="voice.view", returns=NodeTypes)
async def node_types(ctx: Context) -> dict[str, Any]:
    """List the types of nodes an IVR may be made of, for editors."""
    return {"results": templates.node_types()}


@voice_operation(
    "POST", "templates/check/", id="templates.check", permission="voice.view", body=GraphToCheck, returns=GraphChecked
)
async def check_graph(ctx: Context, body: GraphToCheck) -> dict[str, Any]:
    """Check an IVR that is not saved: every fault by node, as saving it would name them."""
    return await templates.check_graph(ctx, body.graph, body.providers or ())


@voice_operation(
    "POST", "templates/simulate/", id="templates.simulate_graph", permission="voice.view", body=GraphScript,
    returns=Simulation,
)  # fmt: skip
async def simulate_graph(ctx: Context, body: GraphScript) -> dict[str, Any]:
    """Run an IVR that is not saved on typed keys and silences."""
    return await templates.try_graph(ctx, body.graph, body.inputs, body.variables)


_TEMPLATES(
    read=Does(templates.read_template, "Show one template."),
    change=Does(
        templates.change_template,
        "Change a template; calls that live go on in it.",
        VoiceTemplateChanges,
        {"errors": (409,)},
    ),
    replace=Does(
        templates.replace_template, "Replace a template; what is left out takes its default.", NewVoiceTemplate
    ),
    delete=Does(templates.delete_template, "Remove a template."),
)


@voice_operation(
    "POST", "templates/{id}/preview/", id="templates.preview", permission="voice.view", body=Values, returns=Preview
)
async def preview(ctx: Context, id: str, body: Values) -> dict[str, Any]:
    """Show what a template says with these values."""
    return templates.preview(await ctx.data.get("voice_templates", id), body.variables)


@voice_operation(
    "POST", "templates/{id}/simulate/", id="templates.simulate", permission="voice.view", body=Script,
    returns=Simulation,
)  # fmt: skip
async def simulate_template(ctx: Context, id: str, body: Script) -> dict[str, Any]:
    """Run an IVR on typed keys and silences, and return its path and transcript."""
    row = await ctx.data.get("voice_templates", id)
    if row["template_kind"] != templates.IVR:
        raise Invalid.field("template_kind", "only an IVR can be simulated")
    return await templates.try_graph(ctx, row["graph"], body.inputs, body.variables)


@voice_operation(
    "POST", "templates/{id}/compile/", id="templates.compile", permission="voice.view", returns=Compilation,
    query={"provider": Parameter("One HTTP carrier, or all.", {"type": "string", "enum": list(compiling.PROVIDERS)})},
)  # fmt: skip
async def compile_template(ctx: Context, id: str) -> dict[str, Any]:
    """Show the documents of an IVR at an HTTP carrier, and what is exact, emulated or refused there, by node."""
    row = await ctx.data.get("voice_templates", id)
    return compiling.compile_template(ctx, row, ctx.caller.query.get("provider", compiling.EVERY))
