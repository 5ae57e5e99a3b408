"""A supervisor hears a call between an agent and a customer, whispers and barges in; each hears what they should."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from array import array

import pytest
import websockets

from jinaconnect.handlers.edge.description.frames import Supervised
from tests.telephony.asterisk import until
from tests.telephony.calls.desks import newcomer
from tests.telephony.calls.graphs import menu
from tests.telephony.calls.parties import CUSTOMER, Meeting, meeting, nothing_left
from tests.telephony.calls.phone import telephone
from tests.telephony.calls.sound import AGENT_HZ, CUSTOMER_HZ, Line
from tests.telephony.calls.sound import share as tone_share
from tests.telephony.calls.supervisor import SUPERVISOR_HZ, share, sound_of, supervising
from tests.telephony.calls.telephone import TERMINAL, Exchange
from tests.telephony.waves import samples
from tests.tenants import make_tenant

PARTY_HZ = 2_500


async def does_not_hear(line: Line, hertz: int) -> None:
    """Look at a line for half a second of its own sound: a tone is at no moment in it."""
    wanted = line.said_s + 0.5
    while line.said_s < wanted:
        assert not line.hears(hertz)
        await asyncio.sleep(0.05)


async def says(line: Line, seconds: float) -> None:
    """Wait until a line has sent this much more sound: a call's own clock."""
    wanted = line.said_s + seconds
    await until(lambda: line.said_s >= wanted, f"{seconds:g} s of sound", seconds + 20)


async def told(met: Meeting) -> list[tuple[str, str]]:
    """Return what the log says of supervisors."""
    events = await met.phone.events(met.id)
    return [
        (each["type"].rpartition("_")[2], each["data"].get("reason") or each["data"]["heard_by"])
        for each in events if each["type"].startswith("call.supervision_")
    ]  # fmt: skip


async def test_each_mode_is_heard_by_whom_it_says(phone: Exchange) -> None:
    async with meeting(phone) as met, supervising(phone.owner, met.id) as boss:
        agent, customer = met.agent.line, met.customer.line
        boss.speaks = True
        await boss.until_hears(AGENT_HZ, CUSTOMER_HZ)
        assert boss.heard_by == "nobody"
        await does_not_hear(agent, SUPERVISOR_HZ)
        await does_not_hear(customer, SUPERVISOR_HZ)

        assert (await boss.order("whisper"))["heard_by"] == "agent"
        await agent.until_hears(SUPERVISOR_HZ, "the agent")
        await does_not_hear(customer, SUPERVISOR_HZ)
        await boss.until_hears(AGENT_HZ, CUSTOMER_HZ)
        await customer.until_hears(AGENT_HZ, "the customer")
        assert boss.heard_by == "agent"

        assert (await boss.order("barge"))["heard_by"] == "both"
        await customer.until_hears(SUPERVISOR_HZ, "the customer")
        await agent.until_hears(SUPERVISOR_HZ, "the agent")
        await boss.until_hears(AGENT_HZ, CUSTOMER_HZ)
        assert boss.heard_by == "both"

        await boss.order("listen")
        await customer.until_not(SUPERVISOR_HZ, "the customer")
        await agent.until_not(SUPERVISOR_HZ, "the agent")
        await boss.until_hears(AGENT_HZ, CUSTOMER_HZ)
        await boss.order("end")
        assert await boss.over() == "left"
        await met.together()
        story = [event for event in await phone.events(met.id) if event["type"].startswith("call.supervision_")]
        assert [(event["type"].rpartition("_")[2], event["data"]["heard_by"]) for event in story] == [
            ("started", "nobody"), ("changed", "agent"), ("changed", "both"), ("changed", "nobody"),
            ("ended", "nobody"),
        ]  # fmt: skip
        assert {event["actor"]["id"] for event in story} == {story[0]["actor"]["id"]}
        assert [Supervised.model_validate(said).ended for said in boss.words][-1] == "left"
    await nothing_left(phone)


async def test_a_call_with_an_ivr_alone_can_be_listened_to(phone: Exchange) -> None:
    template = await phone.template(menu())
    async with telephone(ip=phone.more["carrier"]) as customers:
        call = await phone.place(CUSTOMER, template=template)
        customer = await customers.talking()
        customer.line.say(CUSTOMER_HZ)
        path = f"/voice/api/calls/{call}/supervise/"
        await phone.until(call, lambda each: each["status"] == "IN_PROGRESS", "the answer")
        for mode in ("whisper", "barge"):
            assert "agent" in (await phone.owner.post(path, {"mode": mode})).refused(409, "invalid_state")
        async with supervising(phone.owner, call) as boss:
            await boss.until_hears(CUSTOMER_HZ)
            body = {"mode": "whisper", "supervision": boss.id}
            (await phone.owner.post(path, body)).refused(409, "invalid_state")
            assert boss.heard_by == "nobody"
            customer.hang_up()
            assert await boss.over() == "call_ended"
        await phone.ended(call)
        types = [each for each in await phone.types(call) if each.startswith("call.supervision") or each in TERMINAL]
        assert types == ["call.supervision_started", "call.supervision_ended", "call.completed"]
        (await phone.owner.post(path, {"mode": "listen"})).refused(409, "invalid_state")
    await nothing_left(phone)


async def test_whoever_closes_the_socket_has_left(phone: Exchange) -> None:
    async with meeting(phone) as met:
        async with supervising(phone.owner, met.id, "barge") as boss:
            boss.speaks = True
            await met.customer.line.until_hears(SUPERVISOR_HZ, "the customer")
            boss.socket.transport.abort()
            await met.wait_told("call.supervision_ended")
        await met.customer.line.until_not(SUPERVISOR_HZ, "the customer")
        assert await told(met) == [("started", "both"), ("ended", "left")]
        await met.together()
        async with supervising(phone.owner, met.id) as boss:  # and may come again
            await boss.until_hears(AGENT_HZ, CUSTOMER_HZ)
    await nothing_left(phone)


async def test_nobody_hears_a_supervisor_whose_agent_has_left(phone: Exchange) -> None:
    async with meeting(phone) as met, telephone() as others:
        async with supervising(phone.owner, met.id, "whisper") as boss:
            boss.speaks = True
            await met.agent.line.until_hears(SUPERVISOR_HZ, "the agent")
            await met.order("transfer", to=others.uri, via="bridge")
            party = await others.talking()
            party.line.say(PARTY_HZ)
            await met.agent.ended()
            await boss.until_heard_by("nobody")
            await boss.until_hears(CUSTOMER_HZ, PARTY_HZ)
            await does_not_hear(party.line, SUPERVISOR_HZ)
            await boss.order("whisper")  # whom a call was transferred to is whom is whispered to now
            await party.line.until_hears(SUPERVISOR_HZ, "whom it was transferred to")
            await does_not_hear(met.customer.line, SUPERVISOR_HZ)
            await boss.order("barge")
            await met.customer.line.until_hears(SUPERVISOR_HZ, "the customer")
        await met.wait_told("call.supervision_ended")
        assert await told(met) == [
            ("started", "agent"), ("changed", "parted"), ("changed", "asked"), ("changed", "asked"), ("ended", "left"),
        ]  # fmt: skip


async def test_a_hold_parts_those_who_were_barged_in_on(phone: Exchange) -> None:
    async with meeting(phone) as met, supervising(phone.owner, met.id, "barge") as boss:
        await boss.until_heard_by("both")
        await met.order("hold")
        await boss.until_heard_by("nobody")
        body = {"mode": "barge", "supervision": boss.id}
        (await phone.owner.post(f"/voice/api/calls/{met.id}/supervise/", body)).refused(409, "invalid_state")
        await met.order("unhold")
        await boss.order("barge")
        await boss.until_heard_by("both")


@pytest.mark.parametrize("mode", ["whisper", "barge"])
async def test_a_recording_has_what_both_hear_and_not_what_is_whispered(phone: Exchange, mode: str) -> None:
    async with meeting(phone) as met, supervising(phone.owner, met.id, mode) as boss:
        boss.speaks = True
        await met.agent.line.until_hears(SUPERVISOR_HZ, "the agent")
        await met.order("record", do="start")
        await says(met.customer.line, 1.5)
        await met.order("record", do="stop")
        await met.wait_told("recording.ready")
        [row] = await phone.recordings(met.id)
        shown = (await phone.owner.get(f"/voice/api/recordings/{row['id']}/download/")).ok()
        file = (await phone.owner.get(shown["recording_url"].removeprefix(phone.owner.url))).body
    both = samples(file)[2_000:]
    said, heard = both[::2], both[1::2]  # the customer's, and what the customer hears
    assert tone_share(said, CUSTOMER_HZ) > 0.1
    assert tone_share(heard, AGENT_HZ) > 0.1
    supervisor = max(tone_share(each, SUPERVISOR_HZ) for each in (said, heard))
    assert supervisor > 0.1 if mode == "barge" else supervisor < 0.01


# ---- who may


async def test_only_who_may_gets_in_and_with_a_ticket_once(phone: Exchange) -> None:
    async with meeting(phone) as met:
        path = f"/voice/api/calls/{met.id}/supervise/"
        for role in ("manager", "agent", "viewer"):
            for method in ("GET", "POST"):
                (await phone.tenant(role).ask(method, path, {"mode": "listen"})).refused(403, "permission_denied")
        other = (await make_tenant(phone.gateway, phone.url, phone.http))("owner")
        for method in ("GET", "POST"):
            (await other.ask(method, path, {"mode": "listen"})).refused(404, "not_found")
        (await phone.owner.post(path, {"mode": "shout"})).refused(400, "validation_error")
        (await phone.owner.post(path, {"mode": "end"})).refused(400, "validation_error")
        (await phone.owner.post(path, {"mode": "end", "supervision": "sup_none"})).refused(404, "not_found")
        begun = (await phone.owner.post(path, {"mode": "listen"})).ok()
        feed = (await phone.owner.post("/ws/ticket/")).ok()["ticket"]
        assert await closes(phone, "/ws/sound/", feed) == 4001
        assert await closes(phone, "/ws/sound/", "") == 4001
        assert await closes(phone, "/ws/", begun["ticket"]) == 4001
        async with sound_of(phone.owner, begun) as boss:
            await boss.until_hears(AGENT_HZ, CUSTOMER_HZ)
            assert await closes(phone, "/ws/sound/", begun["ticket"]) == 4001
            (await other.post(path, {"mode": "end", "supervision": boss.id})).refused(404, "not_found")
            admin = phone.tenant("admin")
            # Another's is ended by whoever may supervise, and not made to be heard.
            (await admin.post(path, {"mode": "barge", "supervision": boss.id})).refused(404, "not_found")
            (await admin.post(path, {"mode": "end", "supervision": boss.id})).ok()
            assert await boss.over() == "ended"
        rows = (await phone.owner.get(f"/voice/api/calls/{met.id}/timeline/")).ok()["items"]
        assert begun["ticket"] not in json.dumps(rows)


async def closes(phone: Exchange, path: str, ticket: str) -> int | None:
    """Return the code that a socket with a ticket is closed with."""
    async with websockets.connect(f"ws{phone.url.removeprefix('http')}{path}?ticket={ticket}") as connection:
        with contextlib.suppress(websockets.ConnectionClosed):
            async for _ in connection:
                continue
    return connection.close_code


async def test_what_is_not_20_ms_of_sound_ends_it(phone: Exchange) -> None:
    async with meeting(phone) as met:
        for wrong in (b"", b"\0" * 639, b"\0" * 6400, "hello"):
            async with supervising(phone.owner, met.id) as boss:
                await boss.until_heard_by("nobody")
                await boss.socket.send(wrong)
                await until(lambda: boss.closed is not None, "the end", 15)
                assert boss.closed == 4004
    await nothing_left(phone)


async def test_whoever_loses_the_permission_is_out(phone: Exchange) -> None:
    async with meeting(phone) as met:
        for change in ("role", "member"):
            boss = await newcomer(phone, "admin", "Sam")
            async with supervising(boss.client, met.id, "barge") as there:
                there.speaks = True
                await met.customer.line.until_hears(SUPERVISOR_HZ, "the customer")
                if change == "role":
                    [role] = (await phone.owner.get("/tenants/roles/?search=viewer")).ok()["results"]
                    (await phone.owner.patch(f"/tenants/members/{boss.member}/role/", {"role_id": role["id"]})).ok()
                else:
                    (await phone.owner.ask("DELETE", f"/tenants/members/{boss.member}/")).ok(204)
                await until(lambda: there.closed is not None, "the end", 15)
                assert there.closed == 4003
            await met.customer.line.until_not(SUPERVISOR_HZ, "the customer")
    await nothing_left(phone)


async def test_what_the_organisation_says_is_told_and_kept_to(phone: Exchange) -> None:
    app = (await phone.owner.get("/voice/api/tenant-voice-app/")).ok()["results"][0]
    assert (app["supervision"], app["supervision_notice"]) == ("allowed", "")
    settings = f"/voice/api/tenant-voice-app/{app['id']}/"
    (await phone.owner.patch(settings, {"supervision": "sometimes"})).refused(400, "validation_error")
    async with meeting(phone) as met:
        contact = (await phone.call(met.id))["contact"]
        path = f"/voice/api/calls/{met.id}/supervise/"
        rule = (await phone.owner.get(path)).ok()
        assert (rule["rule"], rule["allowed"], rule["reason"]) == ("allowed", True, "not_required")
        notice = {"supervision": "forbidden", "supervision_notice": "Ask the works council."}
        (await phone.owner.patch(settings, notice)).ok()
        rule = (await phone.owner.get(path)).ok()
        assert (rule["allowed"], rule["reason"], rule["notice"]) == (False, "forbidden", "Ask the works council.")
        (await phone.owner.post(path, {"mode": "listen"})).refused(403, "supervision_forbidden")
        (await phone.owner.patch(settings, {"supervision": "with_consent", "supervision_notice": ""})).ok()
        assert (await phone.owner.get(path)).ok()["reason"] == "no_consent"
        (await phone.owner.post(path, {"mode": "listen"})).refused(409, "consent_required")
        consent = {"name": "Form", "contact": contact, "consent_given": True, "consent_method": "web_form"}
        (await phone.owner.post("/voice/api/recording-consents/", consent)).ok(201)
        assert (await phone.owner.get(path)).ok()["reason"] == "given"
        async with supervising(phone.owner, met.id) as boss:
            await boss.until_hears(AGENT_HZ, CUSTOMER_HZ)
        await met.wait_told("call.supervision_ended")
        assert await told(met) == [("started", "nobody"), ("ended", "left")]
    (await phone.owner.patch(settings, {"supervision": "allowed"})).ok()


async def test_a_changed_rule_ends_what_it_allows_no_more(phone: Exchange) -> None:
    app = (await phone.owner.get("/voice/api/tenant-voice-app/")).ok()["results"][0]
    settings = f"/voice/api/tenant-voice-app/{app['id']}/"
    consents = "/voice/api/recording-consents/"
    async with meeting(phone) as met:
        path = f"/voice/api/calls/{met.id}/supervise/"
        barging, listening = supervising(phone.owner, met.id, "barge"), supervising(phone.tenant("admin"), met.id)
        async with barging as boss, listening as other:
            boss.speaks = True
            await met.customer.line.until_hears(SUPERVISOR_HZ, "the customer")
            await other.until_hears(AGENT_HZ, CUSTOMER_HZ)
            (await phone.owner.patch(settings, {"supervision": "forbidden"})).ok()
            assert [await boss.over(), await other.over()] == ["not_allowed", "not_allowed"]
            await met.customer.line.until_not(SUPERVISOR_HZ, "the customer")
        (await phone.owner.patch(settings, {"supervision": "with_consent"})).ok()
        contact = (await phone.call(met.id))["contact"]
        for row in (await phone.owner.get(f"{consents}?contact={contact}")).ok()["results"]:
            (await phone.owner.ask("DELETE", f"{consents}{row['id']}/")).ok(204)
        consent = {"name": "Form", "contact": contact, "consent_given": True, "consent_method": "web_form"}
        given = (await phone.owner.post(consents, consent)).ok(201)["id"]
        async with supervising(phone.owner, met.id) as boss:
            await boss.until_hears(AGENT_HZ, CUSTOMER_HZ)
            (await phone.owner.patch(f"{consents}{given}/", {"consent_given": False})).ok()
            assert await boss.over() == "not_allowed"
        (await phone.owner.ask("DELETE", f"{consents}{given}/")).ok(204)
        assert (await phone.owner.get(path)).ok()["running"] == 0
        (await phone.owner.patch(settings, {"supervision": "allowed"})).ok()
        assert [each for each in await told(met) if each[0] == "ended"] == [("ended", "not_allowed")] * 3
        await met.together()
    await nothing_left(phone)


async def test_there_are_only_so_many_supervisors(phone: Exchange) -> None:
    most = phone.gateway.services.settings.supervisions
    async with meeting(phone) as met:
        path = f"/voice/api/calls/{met.id}/supervise/"
        begun = [(await phone.owner.post(path, {"mode": "listen"})).ok()["id"] for _ in range(most)]
        refused = await phone.owner.post(path, {"mode": "listen"})
        refused.refused(429, "too_many_supervisions")
        assert int(refused.headers["Retry-After"]) > 0
        (await phone.owner.post(path, {"mode": "end", "supervision": begun[0]})).ok()
        async with supervising(phone.owner, met.id) as boss:
            await boss.until_hears(AGENT_HZ, CUSTOMER_HZ)
        met.customer.hang_up()
        await phone.ended(met.id)
        assert await told(met) == [("started", "nobody"), ("ended", "left")]  # the others never came
    await nothing_left(phone)


async def test_a_repeated_request_is_one_supervision(phone: Exchange) -> None:
    async with meeting(phone) as met:
        path, key = f"/voice/api/calls/{met.id}/supervise/", {"Idempotency-Key": f"twice-{met.id}"}
        first, second = [
            (await phone.owner.post(path, {"mode": "listen"}, headers=key)).ok()["id"] for _ in range(2)
        ]
        assert first == second
        assert (await phone.owner.get(path)).ok()["running"] == 1


# ---- slow


async def test_what_a_client_does_not_take_is_dropped(phone: Exchange) -> None:
    async with meeting(phone) as met:
        begun = (await phone.owner.post(f"/voice/api/calls/{met.id}/supervise/", {"mode": "listen"})).ok()
        host, port = phone.url.removeprefix("http://").split(":")
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)  # little waits at the client's end either
        plain.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plain, (host, int(port)))
        reader, writer = await asyncio.open_connection(sock=plain, limit=1_024)
        asked = (
            f"GET /ws/sound/?ticket={begun['ticket']} HTTP/1.1", f"Host: {host}:{port}", "Upgrade: websocket",
            "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "", "",
        )  # fmt: skip
        writer.write("\r\n".join(asked).encode())
        assert b" 101 " in await reader.readline()
        await met.wait_told("call.supervision_started")
        line = met.customer.line
        met.agent.line.say(0)
        for hertz, seconds in ((CUSTOMER_HZ, 4), (PARTY_HZ, 1)):  # in which nothing is read
            line.say(hertz)
            await says(line, seconds)
        old = new = 0
        while (await reader.readline()).strip():
            continue  # what is left of the answer's headers
        while new < 10:
            head = await reader.readexactly(2)
            size = head[1] & 0x7F
            if size == 126:
                size = int.from_bytes(await reader.readexactly(2), "big")
            payload = await reader.readexactly(size)
            if head[0] & 0x0F == 2:
                frame = array("h", payload)
                old += share(frame, CUSTOMER_HZ) > 0.5
                new += share(frame, PARTY_HZ) > 0.5
        assert old <= 50, "of the 200 frames of 4 s hardly any waits"
        writer.close()
        await met.wait_told("call.supervision_ended")
