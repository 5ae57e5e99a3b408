"""`/voice/api/templates/`: kinds, checking of graphs, preview, simulation, permissions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest

from jinaconnect.actions.ivr.templates import load_graph
from jinaconnect.core.ivr import graph as graphs
from tests.client import Client
from tests.conftest import Running
from tests.tenants import ROLES, Tenant

PATH = "/voice/api/templates/"
UNKNOWN = "vtp_00000000000000000000000000"


def node(name: str, kind: str, **data: Any) -> dict[str, Any]:
    return {"id": name, "type": kind, "data": data}


def edge(source: str, target: str, on: str = "done") -> dict[str, str]:
    return {"source": source, "target": target, "on": on}


def surgery() -> dict[str, Any]:
    """A surgery's menu: 1 takes a number, 2 transfers, silence and other keys are asked again once."""
    return {
        "entry_node_id": "hello",
        "nodes": [
            node("hello", "voice.play", tts_text="Welcome, {{name}}."),
            node("menu", "voice.gather_dtmf", prompt_tts="Press one or two.", max_digits=1, timeout_seconds=5,
                 retries=1, invalid_prompt_tts="That is not possible."),
            node("number", "voice.gather_dtmf", prompt_tts="Your number, then hash.", max_digits=6, timeout_seconds=5,
                 finish_on_key="#", retries=0, save_as="number"),
            node("thanks", "voice.play", tts_text="You are number {{number}}."),
            node("nurse", "voice.transfer", to_uri="+12025550188"),
            node("sorry", "voice.play", tts_text="Nobody is there."),
            node("end", "voice.hangup"),
        ],
        "edges": [
            edge("hello", "menu"), edge("menu", "number", "1"), edge("menu", "nurse", "2"),
            edge("menu", "end", "timeout"), edge("menu", "end", "invalid"), edge("number", "thanks", "default"),
            edge("number", "end", "timeout"), edge("thanks", "end"), edge("nurse", "sorry", "failed"),
            edge("sorry", "end"),
        ],
    }  # fmt: skip


def goto(target: str) -> dict[str, Any]:
    return {"entry_node_id": "on", "nodes": [node("on", "goto_template", template=target)], "edges": []}


async def add(client: Client, **fields: Any) -> dict[str, Any]:
    body = {"name": "Surgery", "template_kind": "ivr_menu", **fields}
    made: dict[str, Any] = (await client.post(PATH, body)).ok(201)
    return made


# --- fields ----------------------------------------------------------------------------------------------------------


async def test_a_script_is_made_read_changed_replaced_and_removed(tenant: Tenant) -> None:
    client = tenant()
    given = {"name": " Reminder ", "description": "Day before.", "template_kind": "tts_script",
             "tts_text": "Hello {{name}}.", "tts_voice": "en+f3", "tts_language": "en-IN"}  # fmt: skip
    answer = await client.post(PATH, given)
    made = answer.ok(201)
    assert {key: made[key] for key in given} == {**given, "name": "Reminder"}
    assert (made["is_active"], made["audio_url"], made["graph"]) == (True, None, None)
    assert "compiled" not in made
    where = f"{PATH}{made['id']}/"
    assert (await client.get(where)).ok() == made
    changed = (await client.patch(where, {"tts_text": "Good day.", "is_active": False})).ok()
    assert (changed["tts_text"], changed["is_active"], changed["tts_voice"]) == ("Good day.", False, "en+f3")
    body = {"name": "Jingle", "template_kind": "audio_url", "audio_url": "https://sounds.example/{{song}}.mp3"}
    replaced = (await client.ask("PUT", where, body)).ok()
    assert (replaced["tts_text"], replaced["is_active"]) == (None, True)
    assert replaced["audio_url"] == body["audio_url"]
    assert (await client.delete(where)).status == 204
    for refused in (await client.get(where), await client.delete(where), await client.patch(where, {"name": "x"})):
        refused.refused(404, "not_found")
    assert (await client.get(PATH)).ok()["results"] == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": ""}, "name"), ({"name": "a" * 101}, "name"), ({"name": None}, "name"),
        ({"template_kind": "fax"}, "template_kind"), ({"template_kind": None}, "template_kind"),
        ({"tts_text": ""}, "tts_text"), ({"tts_text": None}, "tts_text"), ({"tts_text": "a" * 4_001}, "tts_text"),
        ({"tts_text": "a\x00b"}, "tts_text"), ({"tts_voice": "v" * 65}, "tts_voice"),
        ({"tts_language": "en_GB; rm"}, "tts_language"), ({"tts_language": "en-GB-oxendict"}, "tts_language"),
        ({"template_kind": "audio_url"}, "audio_url"), ({"template_kind": "ivr_menu"}, "graph"),
        ({"template_kind": "audio_url", "audio_url": "  "}, "audio_url"),
        ({"audio_url": "sound:tt-monkeys"}, "audio_url"), ({"audio_url": "file:///etc/passwd"}, "audio_url"),
        ({"audio_url": "https://{{host}}/a.wav"}, "audio_url"), ({"audio_url": "https://u:p@a.example/a"}, "audio_url"),
        ({"audio_url": "https://a.example/" + "a" * 500}, "audio_url"), ({"audio_format": "ogg"}, "audio_format"),
        ({"graph": []}, "graph"), ({"graph": {"nodes": []}}, "graph.nodes"), ({"is_active": "perhaps"}, "is_active"),
    ],
)  # fmt: skip
async def test_a_bad_field_is_named_and_nothing_is_kept(tenant: Tenant, fields: dict[str, Any], field: str) -> None:
    body = {"name": "Reminder", "template_kind": "tts_script", "tts_text": "Hello.", **fields}
    assert field in (await tenant().post(PATH, body)).refused(400, "validation_error")
    assert (await tenant().get(PATH)).ok()["count"] == 0
    made = await add(tenant(), name="Good", template_kind="tts_script", tts_text="Hello.")
    assert field in (await tenant().patch(f"{PATH}{made['id']}/", fields)).refused(400, "validation_error")
    assert (await tenant().get(f"{PATH}{made['id']}/")).ok() == made


async def test_lists_are_filtered_and_searched(tenant: Tenant) -> None:
    await add(tenant(), name="Surgery", graph=surgery())
    await add(tenant(), name="Reminder", template_kind="tts_script", tts_text="Hello.")
    await add(tenant(), name="Old", template_kind="tts_script", tts_text="Hello.", is_active=False)

    async def names(**query: str) -> list[str]:
        return [row["name"] for row in (await tenant().get(PATH, params=query)).ok()["results"]]

    assert await names() == ["Old", "Reminder", "Surgery"]
    assert await names(template_kind="tts_script") == ["Old", "Reminder"]
    assert await names(is_active="false") == ["Old"]
    assert await names(search="rem") == ["Reminder"]


async def test_who_may_what(tenant: Tenant, new_tenant: Callable[[], Awaitable[Tenant]]) -> None:
    made = await add(tenant(), graph=surgery())
    where = f"{PATH}{made['id']}/"
    stranger = (await new_tenant())()
    for role in ROLES:
        client = tenant(role)
        assert (await client.get(where)).ok()["id"] == made["id"]
        (await client.post(f"{where}preview/", {})).ok()
        (await client.post(f"{where}simulate/", {})).ok()
        (await client.post(f"{PATH}simulate/", {"graph": surgery()})).ok()
        if role not in ("owner", "admin"):
            (await client.post(PATH, {"name": "x"})).refused(403, "permission_denied")
            (await client.patch(where, {"name": "x"})).refused(403, "permission_denied")
            (await client.delete(where)).refused(403, "permission_denied")
    for client in (stranger, tenant("owner", "test")):
        for method, path in (("GET", where), ("PATCH", where), ("DELETE", where), ("POST", f"{where}preview/"),
                             ("POST", f"{where}simulate/")):  # fmt: skip
            (await client.ask(method, path, {})).refused(404, "not_found")
    assert (await tenant().get(where)).ok() == made


# --- graphs ----------------------------------------------------------------------------------------------------------


async def test_an_ivr_is_compiled(tenant: Tenant) -> None:
    graph = surgery()
    made = await add(tenant(), graph=graph)
    assert made["graph"] == graph
    levels = {"twilio": "emulated", "plivo": "exact", "vonage": "emulated", "telnyx": "exact", "exotel": "emulated"}
    assert made["compiled"] == {"ok": True, "nodes": 7, "warnings": [], "levels": levels}
    graph["nodes"].append(node("lost", "voice.play", tts_text="Nobody hears this."))
    changed = (await tenant().patch(f"{PATH}{made['id']}/", {"graph": graph})).ok()
    assert changed["compiled"]["nodes"] == 8
    assert any("lost" in warning for warning in changed["compiled"]["warnings"])
    assert (await tenant().get(PATH)).ok()["results"][0]["compiled"] == changed["compiled"]


async def test_an_ivr_is_shown_in_the_dialect_of_every_carrier(tenant: Tenant) -> None:
    made = await add(tenant(), graph=surgery())
    where = f"{PATH}{made['id']}/compile/"
    told = (await tenant("viewer").post(f"{where}?provider=all")).ok()
    assert told == (await tenant().post(where)).ok()
    assert told["levels"] == made["compiled"]["levels"]
    shown = {(each["provider"], each["node"]): each for each in told["documents"]}
    assert len(shown) == 5 * 7
    menu = shown["twilio", "menu"]
    assert menu["content_type"] == "text/xml; charset=utf-8"
    assert "<Say" in menu["body"]
    assert "/voice/webhooks/twilio/turn/" in menu["body"]
    assert "Welcome, {{name}}." in shown["vonage", "hello"]["body"]
    assert json.loads(shown["telnyx", "nurse"]["body"])[0]["verb"] == "transfer"
    one = (await tenant().post(f"{where}?provider=vonage")).ok()
    assert {each["provider"] for each in (*one["documents"], *one["notes"])} == {"vonage"}
    assert [each for each in told["notes"] if each["provider"] == "vonage"] == one["notes"]
    assert {"provider": "vonage", "node": "hello", "level": "exact", "text": ""} in one["notes"]
    assert one["applets"] is None
    (await tenant().post(f"{where}?provider=sip")).refused(400, "validation_error")
    script = await add(tenant(), name="S", template_kind="tts_script", tts_text="Hello.", graph=None)
    refused = (await tenant().post(f"{PATH}{script['id']}/compile/")).refused(400, "validation_error")
    assert list(refused) == ["template_kind"]


async def test_an_ivr_is_shown_as_a_flows_applets_are_told_it(tenant: Tenant) -> None:
    long = " ".join(f"Sentence number {n:03d} is said here." for n in range(60))
    nodes = [
        node("hello", "voice.play", tts_text="Welcome, {{name}}.", tts_voice="Ann"),
        node("ask", "voice.gather_dtmf", prompt_tts=long, max_digits=2, timeout_seconds=7, inter_digit_s=7),
        node("quiet", "voice.gather_dtmf", prompt_tts="One key.", max_digits=1, timeout_seconds=5, barge_in=False),
        node("message", "voice.record", max_duration_seconds=60), node("pause", "wait", seconds=2),
        node("web", "http_call", url="https://example.com/", method="GET"),
        node("agent", "voice.transfer", to_uri="+12025550188"),
        node("desk", "voice.transfer", to_uri="sip:a@example.com"),
        node("words", "voice.gather_speech", language="en-IN", timeout_seconds=5), node("end", "voice.hangup"),
    ]  # fmt: skip
    keys = {"ask": "default", "quiet": "1", "web": "ok", "agent": "failed", "desk": "failed"}
    edges = [edge(a["id"], b["id"], keys.get(a["id"], "done")) for a, b in pairwise(nodes)]
    made = await add(tenant(), graph={"entry_node_id": "hello", "nodes": nodes, "edges": edges})
    flow = (await tenant().post(f"{PATH}{made['id']}/compile/?provider=exotel")).ok()["applets"]
    assert flow["level"] == "refused"
    said: dict[str, list[dict[str, Any]]] = {}
    for each in flow["answers"]:
        said.setdefault(each["node"], []).append(each)
    assert [(each["applet"], each["body"]) for each in said["hello"]] == [("greeting", "Welcome, {{name}}.")]
    assert [each["applet"] for each in said["ask"]] == ["greeting", "gather"]
    asked = json.loads(said["ask"][1]["body"])
    assert f"{said['ask'][0]['body']} {asked['gather_prompt']['text']}" == long, "nothing of a long prompt is lost"
    assert (asked["max_input_digits"], asked["input_timeout"], asked["repeat_menu"]) == (2, 7, 0)
    assert [each["applet"] for each in said["quiet"]] == ["greeting", "gather"]
    assert json.loads(said["quiet"][1]["body"])["gather_prompt"] == {"text": ""}
    assert [each["applet"] for each in said["message"]] == ["voicemail"]
    assert json.loads(said["agent"][0]["body"])["destination"] == {"numbers": ["+12025550188"]}
    assert [said[name][-1]["applet"] for name in ("pause", "web", "desk", "words", "end")] == [
        "wait", "wait", "wait", "wait", "hangup",
    ]  # fmt: skip
    levels: dict[str, set[str]] = {}
    for each in flow["notes"]:
        levels.setdefault(each["level"], set()).add(each["node"])
    assert levels == {
        "refused": {"desk", "words"}, "emulated": {"hello", "ask", "message", "pause", "web"},
        "exact": {"quiet", "agent", "end"},
    }  # fmt: skip
    parts = {each["case"] or each["applet"]: each for each in flow["parts"]}
    assert {name for name, each in parts.items() if not each["used"]} == set()
    for name in ("done", "switch", "greeting", "gather", "connect"):
        assert any(f"/{{provider_config}}/{name}/?token=" in (each["address"] or "") for each in flow["parts"])
    (await tenant().patch(f"{PATH}{made['id']}/", {"graph": {
        "entry_node_id": "hello", "nodes": [nodes[0], nodes[-1]], "edges": [{"source": "hello", "target": "end"}],
    }})).ok()  # fmt: skip
    flow = (await tenant().post(f"{PATH}{made['id']}/compile/")).ok()["applets"]
    assert {each["case"] for each in flow["parts"] if each["case"] and each["used"]} == {"greeting", "hangup"}


async def test_what_a_carrier_cannot_say_is_refused_by_node_and_carrier(tenant: Tenant) -> None:
    graph = surgery()
    graph["nodes"].append(node("listen", "voice.gather_speech", language="en-IN", timeout_seconds=5))
    graph["nodes"].append(node("long", "voice.record", max_duration_seconds=9000))
    graph["nodes"][1]["data"]["finish_on_key"] = "A"
    made = await add(tenant(), graph=graph)
    assert set(made["compiled"]["levels"].values()) == {"refused"}
    body = {"name": "Bad", "template_kind": "ivr_menu", "graph": graph, "providers": ["exotel", "vonage"]}
    refused = (await tenant().post(PATH, body)).refused(400, "validation_error")
    assert refused == {
        "graph.nodes.menu": ["exotel: no carrier hands on the key A", "vonage: no carrier hands on the key A"],
        "graph.nodes.listen": ["exotel: Exotel does not understand speech"],
        "graph.nodes.long": ["vonage: Vonage records 7200 s at most"],
    }
    (await tenant().patch(f"{PATH}{made['id']}/", {"providers": ["twilio"]})).refused(400, "validation_error")
    assert (await tenant().get(f"{PATH}{made['id']}/")).ok() == made
    good = await add(tenant(), name="Good", graph=surgery(), providers=["exotel", "vonage", "twilio"])
    assert good["providers"] == ["exotel", "vonage", "twilio"]
    (await tenant().patch(f"{PATH}{good['id']}/", {"graph": graph})).refused(400, "validation_error")
    (await tenant().post(PATH, {**body, "providers": ["sip"]})).refused(400, "validation_error")


async def test_every_fault_of_a_graph_is_told_at_once_by_node(tenant: Tenant) -> None:
    graph = surgery()
    graph["nodes"][0]["data"] = {}
    graph["nodes"][1]["data"]["max_digits"] = 0
    graph["nodes"][4] = node("nurse", "voice.transfer", to_uri="the nurse")
    graph["nodes"].append(node("odd", "voice.sing"))
    graph["edges"].append(edge("menu", "nowhere", "9"))
    refused = await tenant().post(PATH, {"name": "Bad", "template_kind": "ivr_menu", "graph": graph})
    detail = refused.refused(400, "validation_error")
    wrong = {f"graph.{path}" for path in ("nodes.hello", "nodes.menu", "nodes.nurse", "nodes.odd", "edges")}
    assert wrong == set(detail)
    assert (await tenant().post(f"{PATH}simulate/", {"graph": graph})).refused(400, "validation_error") == detail


async def test_a_graph_is_checked_whatever_the_kind(tenant: Tenant) -> None:
    body = {"name": "x", "template_kind": "tts_script", "tts_text": "Hello.", "graph": {"entry_node_id": "a"}}
    assert "graph.nodes" in (await tenant().post(PATH, body)).refused(400, "validation_error")


@pytest.mark.parametrize(
    "extra",
    [
        {"deep": [[[[[[[[[[[[[[[[[[[[{}]]]]]]]]]]]]]]]]]]]]},
        {"$where": 1, "a.b": 2, "": 3},
        {"position": {"x": 1.5, "y": -3}},
        {"size": 2**63},
        {"nul\x00key": "nul\x00value"},
    ],
)
async def test_what_an_editor_adds_is_kept_or_refused_by_name(tenant: Tenant, extra: dict[str, Any]) -> None:
    graph = surgery()
    graph["nodes"][0]["extra"] = extra
    answer = await tenant().post(PATH, {"name": "Drawn", "template_kind": "ivr_menu", "graph": graph})
    if answer.status == 201:
        assert (await tenant().get(f"{PATH}{answer.body['id']}/")).ok()["graph"] == graph
    else:
        assert any("graph" in name or "node" in name for name in answer.refused(400, "validation_error"))


async def test_a_very_deep_graph_is_refused(tenant: Tenant) -> None:
    deep: Any = {}
    for _ in range(300):
        deep = {"in": deep}
    graph = surgery()
    graph["nodes"][0]["extra"] = deep
    answer = await tenant().post(PATH, {"name": "Deep", "template_kind": "ivr_menu", "graph": graph})
    assert "graph" in answer.refused(400, "validation_error")


async def test_goto_names_an_ivr_of_the_tenant(
    tenant: Tenant, gateway: Running, new_tenant: Callable[[], Awaitable[Tenant]]
) -> None:
    first = await add(tenant(), graph=surgery())
    script = await add(tenant(), template_kind="tts_script", tts_text="Hello.")
    foreign = await add((await new_tenant())(), graph=surgery())
    gone = await add(tenant(), graph=surgery())
    (await tenant().delete(f"{PATH}{gone['id']}/")).ok(204)
    for target in (UNKNOWN, script["id"], foreign["id"], gone["id"]):
        body = {"name": "On", "template_kind": "ivr_menu", "graph": goto(target)}
        assert set((await tenant().post(PATH, body)).refused(400, "validation_error")) == {"graph.nodes.on"}
    second = await add(tenant(), name="On", graph=goto(first["id"]))
    where = f"{PATH}{second['id']}/"
    (await tenant().patch(where, {"graph": goto(second["id"])})).ok()
    assert "graph.nodes.on" in (await tenant().patch(where, {"graph": goto(UNKNOWN)})).refused(400, "validation_error")
    (await tenant().patch(f"{PATH}{script['id']}/", {"template_kind": "ivr_menu", "graph": goto(script["id"])})).ok()
    (await tenant().patch(f"{PATH}{script['id']}/", {"template_kind": "tts_script"})).ok()
    store = gateway.services.store.of(tenant.id, "live")
    graph = await load_graph(store, second["id"])
    assert graph is not None
    assert graph.entry == "on"
    for id in (UNKNOWN, script["id"], foreign["id"], gone["id"]):
        assert await load_graph(store, id) is None


async def test_an_ivr_whose_target_is_gone_can_still_be_renamed(tenant: Tenant) -> None:
    first = await add(tenant(), graph=surgery())
    second = await add(tenant(), graph=goto(first["id"]))
    (await tenant().delete(f"{PATH}{first['id']}/")).ok(204)
    assert (await tenant().patch(f"{PATH}{second['id']}/", {"name": "New"})).ok()["name"] == "New"
    told = (await tenant().post(f"{PATH}{second['id']}/simulate/", {})).ok()
    assert told["outcome"] == "failed"


async def test_changes_at_once_never_leave_a_kind_without_its_part(tenant: Tenant) -> None:
    for _ in range(5):
        made = await add(tenant(), graph=surgery(), tts_text="Hello.")
        where = f"{PATH}{made['id']}/"
        (await tenant().patch(where, {"template_kind": "tts_script"})).ok()
        answers = await asyncio.gather(
            tenant().patch(where, {"template_kind": "ivr_menu"}), tenant().patch(where, {"graph": None})
        )
        assert sorted(answer.status for answer in answers) == [200, 400]
        held = (await tenant().get(where)).ok()
        assert (held["template_kind"] == "ivr_menu") == (held["graph"] is not None)


# --- preview ---------------------------------------------------------------------------------------------------------


async def test_a_preview_fills_in_what_is_known(tenant: Tenant) -> None:
    made = await add(tenant(), template_kind="tts_script", tts_voice="", tts_language="en-GB",
                     tts_text="Dear {{ name }}, {{count}} items, {{gone}}{{nothing}}{{paid}}.")  # fmt: skip
    where = f"{PATH}{made['id']}/preview/"
    values = {"name": "Ann", "count": 3, "nothing": None, "paid": True, "not a name": 1}
    told = (await tenant().post(where, {"variables": values})).ok()
    assert told == {"rendered_text": "Dear Ann, 3 items, true.", "tts_voice": None, "tts_language": "en-GB",
                    "audio_url": None}  # fmt: skip
    assert "variables" in (await tenant().post(where, {"variables": []})).refused(400, "validation_error")


# --- simulation ------------------------------------------------------------------------------------------------------


async def simulate(tenant: Tenant, *inputs: dict[str, Any], **variables: Any) -> dict[str, Any]:
    made = await add(tenant(), graph=surgery())
    body = {"inputs": list(inputs), "variables": variables}
    saved: dict[str, Any] = (await tenant().post(f"{PATH}{made['id']}/simulate/", body)).ok()
    unsaved = (await tenant().post(f"{PATH}simulate/", {**body, "graph": surgery()})).ok()
    assert unsaved == saved
    return saved


def said(told: dict[str, Any]) -> list[str]:
    return [item["text"] for item in told["transcript"] if item["kind"] == "say"]


async def test_keys_lead_through_an_ivr(tenant: Tenant) -> None:
    told = await simulate(tenant, {"keys": "1", "after_s": 1.5}, {"keys": "42#"}, name="Ann")
    assert told["outcome"] == "hangup"
    assert told["path"] == ["hello", "menu", "number", "thanks", "end"]
    assert said(told)[0] == "Welcome, Ann."
    assert said(told)[-1] == "You are number 42."
    assert told["variables"]["number"] == "42"
    assert [item["text"] for item in told["transcript"] if item["kind"] == "key"] == ["1", "4", "2", "#"]
    assert [item["at_s"] for item in told["transcript"]] == sorted(item["at_s"] for item in told["transcript"])


async def test_silence_and_wrong_keys_are_asked_again_and_given_up(tenant: Tenant) -> None:
    silent = await simulate(tenant, {"silence_s": 10}, {"silence_s": 10})
    assert (silent["outcome"], silent["path"]) == ("hangup", ["hello", "menu", "end"])
    assert said(silent).count("Press one or two.") == 2
    wrong = await simulate(tenant, {"keys": "9"}, {"keys": "8"})
    assert (wrong["outcome"], wrong["path"]) == ("hangup", ["hello", "menu", "end"])
    assert "That is not possible." in said(wrong)


async def test_a_transfer_is_answered_or_not(tenant: Tenant) -> None:
    assert (await simulate(tenant, {"keys": "2"}))["outcome"] == "transfer"
    failed = await simulate(tenant, {"keys": "2"}, {"answer": "failed"})
    assert (failed["outcome"], failed["path"]) == ("hangup", ["hello", "menu", "nurse", "sorry", "end"])


async def test_a_script_that_ends_leaves_the_ivr_waiting(tenant: Tenant) -> None:
    assert (await simulate(tenant))["outcome"] == "waiting"
    gone = await simulate(tenant, {"hangup": True})
    assert (gone["outcome"], gone["path"]) == ("hangup", ["hello"])


async def test_a_simulation_goes_on_in_other_templates(tenant: Tenant) -> None:
    last = await add(tenant(), graph=surgery())
    middle = await add(tenant(), graph=goto(last["id"]))
    told = (await tenant().post(f"{PATH}simulate/", {"graph": goto(middle["id"]), "inputs": [{"keys": "2"}]})).ok()
    assert told["outcome"] == "transfer"
    assert told["path"] == ["on", "on", "hello", "menu", "nurse"]


async def test_templates_that_lead_to_each_other_end(tenant: Tenant) -> None:
    one = await add(tenant(), graph=surgery())
    two = await add(tenant(), graph=goto(one["id"]))
    (await tenant().patch(f"{PATH}{one['id']}/", {"graph": goto(two["id"])})).ok()
    assert (await tenant().post(f"{PATH}{one['id']}/simulate/", {})).ok()["outcome"] == "failed"


@pytest.mark.parametrize(
    ("inputs", "field"),
    [
        ([{"keys": "x"}], "inputs.0"), ([{"keys": ""}], "inputs.0"),
        ([{"silence_s": 1}, {"silence_s": -1}], "inputs.1"),
        ([{"sing": "la"}], "inputs.0"), ([{"hangup": False}], "inputs.0"), ([{"answer": "maybe"}], "inputs.0"),
        ([{"keys": "1", "after_s": "soon"}], "inputs.0"), ([{"silence_s": 1}] * 101, "inputs"), ("12", "inputs"),
        ([5], "inputs.0"),
    ],
)  # fmt: skip
async def test_a_bad_script_is_named(tenant: Tenant, inputs: Any, field: str) -> None:
    answer = await tenant().post(f"{PATH}simulate/", {"graph": surgery(), "inputs": inputs})
    assert field in answer.refused(400, "validation_error")


async def test_only_an_ivr_is_simulated(tenant: Tenant) -> None:
    made = await add(tenant(), template_kind="tts_script", tts_text="Hello.")
    answer = await tenant().post(f"{PATH}{made['id']}/simulate/", {})
    assert "template_kind" in answer.refused(400, "validation_error")
    (await tenant().post(f"{PATH}{UNKNOWN}/simulate/", {})).refused(404, "not_found")
    assert "graph" in (await tenant().post(f"{PATH}simulate/", {})).refused(400, "validation_error")


async def test_an_editor_is_told_what_there_is(tenant: Tenant) -> None:
    told = {each["type"]: each for each in (await tenant().get(PATH + "node-types/")).ok()["results"]}
    assert told.keys() == graphs.NODE_TYPES.keys()
    for kind, each in told.items():
        assert each["data"]["properties"].keys() == graphs.NODE_TYPES[kind].model_fields.keys()
        assert all(graphs.is_outcome(kind, on) for on in each["outcomes"])
        assert each["keys"] == graphs.is_outcome(kind, "12#")
        for field in each["data"]["properties"].values():
            assert "tts" not in field["title"].lower()
    assert len({each["title"] for each in told.values()}) == len(told)


async def test_a_graph_is_checked_as_saving_it_would(tenant: Tenant) -> None:
    checked = (await tenant().post(PATH + "check/", {"graph": surgery()})).ok()
    assert checked["ok"]
    assert checked["levels"]["twilio"] == "emulated"
    odd = surgery() | {"nodes": [*surgery()["nodes"], node("lost", "voice.hangup")]}
    assert (await tenant().post(PATH + "check/", {"graph": odd})).ok()["warnings"] == ["node lost is never reached"]
    for graph, providers in (
        ({"entry_node_id": "x", "nodes": [node("a", "voice.play")], "edges": [edge("a", "b", "7")]}, None),
        (goto(UNKNOWN), None),
        (surgery() | {"edges": [*surgery()["edges"], edge("menu", "end", "A")]}, ["twilio"]),
    ):
        checked = (await tenant().post(PATH + "check/", {"graph": graph, "providers": providers})).ok()
        body = {"name": "x", "template_kind": "ivr_menu", "graph": graph, "providers": providers}
        refused = (await tenant().post(PATH, body)).refused(400, "validation_error")
        assert checked["faults"] == refused
        assert not checked["ok"]


async def test_of_two_who_change_one_version_the_second_is_told(tenant: Tenant) -> None:
    made = await add(tenant(), graph=surgery())
    where = f"{PATH}{made['id']}/"
    assert made["version"] == 1
    assert (await tenant().patch(where, {"name": "First", "version": 1})).ok()["version"] == 2
    answer = await tenant().patch(where, {"name": "Second", "version": 1})
    answer.refused(409, "changed_meanwhile")
    assert answer.body["version"] == 2
    assert (await tenant().get(where)).ok()["name"] == "First"
    assert (await tenant().patch(where, {"name": "Second", "version": 2})).ok()["version"] == 3
    assert (await tenant().patch(where, {"name": "Whatever"})).ok()["version"] == 4
