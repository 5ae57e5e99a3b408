"""The HTTP server: the operation table and the streaming edges on the sockets given."""

from __future__ import annotations

import socket
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from jinaconnect.actions.context import Services
from jinaconnect.actions.ports import Ports
from jinaconnect.config import Http
from jinaconnect.handlers.calls.sound import SoundHandler
from jinaconnect.handlers.edge.http import Router
from jinaconnect.handlers.edge.proxies import Proxies
from jinaconnect.handlers.edge.stream import SocketHandler, SseHandler
from jinaconnect.handlers.edge.table import load_operations
from jinaconnect.realtime import protocol


def listen(settings: Http, services: Services, ports: Ports, sockets: list[socket.socket]) -> HTTPServer:
    """Begin to answer on sockets that are bound."""
    load_operations()
    origins = frozenset(settings.origins)
    arguments = {"services": services, "ports": ports, "origins": origins}
    application = Application(
        websocket_max_message_size=protocol.FRAME_BYTES * 4, log_function=lambda handler: None
    )
    special: dict[str, tuple[type[RequestHandler], dict[str, Any]]] = {
        "/ws/": (SocketHandler, arguments), "/events/stream/": (SseHandler, arguments),
        "/ws/sound/": (SoundHandler, arguments),
    }  # fmt: skip
    router = Router(application, services, ports, origins, special, Proxies(settings.trusted_proxies))
    server = HTTPServer(
        router,
        max_body_size=settings.max_upload_bytes,
        idle_connection_timeout=75,
        body_timeout=60,
    )
    server.add_sockets(sockets)
    return server
