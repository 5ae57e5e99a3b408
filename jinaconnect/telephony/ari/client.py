"""One Asterisk over ARI: requests by noun, and what its metrics page tells of registrations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from prometheus_client.parser import text_string_to_metric_families
from pydantic import TypeAdapter

from jinaconnect.telephony.ari.bridges import Bridges, Playbacks, Recordings
from jinaconnect.telephony.ari.channels import Channels
from jinaconnect.telephony.ari.errors import AriProtocol
from jinaconnect.telephony.ari.exchange import AriHttp, RequestTimes
from jinaconnect.telephony.ari.wire import (
    Application,
    AsteriskInfo,
    AsteriskPing,
    ConfigTuple,
    Endpoint,
    RegistrationStatus,
    Variable,
)

ObjectType = Literal["auth", "aor", "endpoint", "identify", "registration"]

_application = TypeAdapter(Application)
_applications = TypeAdapter(list[Application])
_endpoint = TypeAdapter(Endpoint)
_endpoints = TypeAdapter(list[Endpoint])
_info = TypeAdapter(AsteriskInfo)
_ping = TypeAdapter(AsteriskPing)
_tuples = TypeAdapter(list[ConfigTuple])
_variable = TypeAdapter(Variable)

_REGISTRATION_METRIC = "asterisk_pjsip_outbound_registration_status"
_REGISTRATION_STATES: dict[float, Literal["unregistered", "registered", "rejected"]] = {
    0: "unregistered",
    1: "registered",
    2: "rejected",
}


class Applications:
    """`/applications`: who gets which events."""

    def __init__(self, http: AriHttp) -> None:
        self._http = http

    async def list(self) -> list[Application]:
        """Return every application; one without listener is listed as long as it owns channels."""
        return await self._http.ask(_applications, "GET", "/applications")

    async def get(self, app: str) -> Application:
        """Return one application with its channels and bridges; raises AriNotFound."""
        return await self._http.ask(
            _application, "GET", "/applications/{applicationName}", path={"applicationName": app}
        )

    async def subscribe(self, app: str, source: str) -> Application:
        """Bring the events of `channel:<id>`, `bridge:<id>` or `endpoint:PJSIP/<id>` to the application.

        An inbound channel needs it for its `ChannelDestroyed`: the application's own subscription ends before.
        """
        return await self._http.ask(
            _application, "POST", "/applications/{applicationName}/subscription",
            path={"applicationName": app}, query={"eventSource": source},
        )  # fmt: skip

    async def unsubscribe(self, app: str, source: str) -> Application:
        """Undo `subscribe`."""
        return await self._http.ask(
            _application, "DELETE", "/applications/{applicationName}/subscription",
            path={"applicationName": app}, query={"eventSource": source},
        )  # fmt: skip

    async def disallow(self, app: str, types: Iterable[str]) -> Application:
        """Keep events of these types away from the application (replaces the filter before)."""
        return await self._http.ask(
            _application, "PUT", "/applications/{applicationName}/eventFilter", path={"applicationName": app},
            body={"disallowed": [{"type": name} for name in types]},
        )  # fmt: skip


class Endpoints:
    """`/endpoints`: whom Asterisk can reach."""

    def __init__(self, http: AriHttp) -> None:
        self._http = http

    async def list(self, technology: str = "PJSIP") -> list[Endpoint]:
        """Return the endpoints of a technology."""
        return await self._http.ask(_endpoints, "GET", "/endpoints/{tech}", path={"tech": technology})

    async def get(self, endpoint: str, technology: str = "PJSIP") -> Endpoint:
        """Return one endpoint; raises AriNotFound. One whose contact is never asked counts as online."""
        return await self._http.ask(
            _endpoint, "GET", "/endpoints/{tech}/{resource}", path={"tech": technology, "resource": endpoint}
        )


class Objects:
    """`/asterisk/config/dynamic/res_pjsip`: trunks and telephones made at run time, in Asterisk's memory."""

    _TEMPLATE = "/asterisk/config/dynamic/{configClass}/{objectType}/{id}"

    def __init__(self, http: AriHttp) -> None:
        self._http = http

    async def put(self, kind: ObjectType, id: str, fields: Sequence[tuple[str, str]]) -> None:
        """Create or replace an object.

        Raises AriRefused (400) where Asterisk finds a value impossible; the reason is in its log only.
        """
        body = {"fields": [{"attribute": name, "value": value} for name, value in fields]}
        await self._http.call("PUT", self._TEMPLATE, path=self._path(kind, id), body=body)

    async def get(self, kind: ObjectType, id: str) -> dict[str, str]:
        """Return an object's attributes; raises AriNotFound."""
        got = await self._http.ask(_tuples, "GET", self._TEMPLATE, path=self._path(kind, id))
        return {each.attribute: each.value for each in got}

    async def delete(self, kind: ObjectType, id: str) -> None:
        """Delete an object; raises AriNotFound."""
        await self._http.call("DELETE", self._TEMPLATE, path=self._path(kind, id))

    @staticmethod
    def _path(kind: str, id: str) -> Mapping[str, str]:
        return {"configClass": "res_pjsip", "objectType": kind, "id": id}


class AriClient:
    """The requests to one Asterisk.

    `base_url` is the root of its HTTP server (`http://127.0.0.1:8088`); ARI is below `/ari`. Use as an asynchronous
    context manager, or `close()` it.
    """

    def __init__(
        self, base_url: str, user: str, password: str, *, deadline_s: float = 5.0, connections: int = 16
    ) -> None:
        self.http = AriHttp(base_url, user, password, deadline_s=deadline_s, connections=connections)
        self.channels = Channels(self.http)
        self.bridges = Bridges(self.http)
        self.playbacks = Playbacks(self.http)
        self.recordings = Recordings(self.http)
        self.applications = Applications(self.http)
        self.endpoints = Endpoints(self.http)
        self.objects = Objects(self.http)

    async def __aenter__(self) -> AriClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self.http.close()

    def request_times(self) -> RequestTimes:
        """Return how long requests took, over the last 512 answered."""
        return self.http.times()

    async def ping(self, *, deadline_s: float | None = None) -> AsteriskPing:
        """Ask whether Asterisk answers."""
        return await self.http.ask(_ping, "GET", "/asterisk/ping", deadline_s=deadline_s)

    async def info(self) -> AsteriskInfo:
        """Return version, identity and start time."""
        return await self.http.ask(_info, "GET", "/asterisk/info")

    async def variable(self, name: str) -> str:
        """Return a global variable or the result of a dialplan function."""
        return (await self.http.ask(_variable, "GET", "/asterisk/variable", query={"variable": name})).value

    async def set_variable(self, name: str, value: str) -> None:
        """Set a global variable."""
        await self.http.call("POST", "/asterisk/variable", query={"variable": name, "value": value})

    async def reload(self, module: str) -> None:
        """Reload a module's configuration, for example `res_pjsip.so`."""
        await self.http.call("PUT", "/asterisk/modules/{moduleName}", path={"moduleName": module})

    async def registrations(self) -> list[RegistrationStatus]:
        """Return the outbound registrations with their state; one that had no answer yet is missing.

        ARI has no such resource: it is read from the page `/metrics` of the same server (Prometheus text format).
        """
        text = (await self.http.raw("GET", "/metrics")).decode("utf-8", "replace")
        return registrations_of(text)


def registrations_of(page: str) -> list[RegistrationStatus]:
    """Return the registrations a metrics page tells of; raises AriProtocol where it is not such a page."""
    found = []
    # The page has lines of every channel as well, and to read a line takes long.
    lines = [line for line in page.splitlines(keepends=True) if _REGISTRATION_METRIC in line]
    try:
        for family in text_string_to_metric_families("".join(lines)):
            for sample in family.samples if family.name == _REGISTRATION_METRIC else ():
                state = _REGISTRATION_STATES[sample.value]
                # The page calls them so, and puts the two URIs there.
                client, server = sample.labels["username"], sample.labels["domain"]
                found.append(RegistrationStatus(client_uri=client, server_uri=server, state=state))
    except (ValueError, KeyError) as error:
        raise AriProtocol(f"the metrics page does not fit: {type(error).__name__}") from None
    return found
