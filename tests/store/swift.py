"""OpenStack Swift with its S3 layer on one machine: a real S3-compatible server, which checks signatures."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aioboto3
from botocore.config import Config

from jinaconnect.store.databases.s3 import Bucket
from tests.processes import free_port

USER, SECRET = "test:tester", "testing"
STORES = ("account", "container", "object")
READY_S = 30
_RINGS = """
import sys
from swift.common.ring import RingBuilder
for name, port in zip(sys.argv[2::2], sys.argv[3::2]):
    ring = RingBuilder(4, 1, 1)
    ring.add_dev({"region": 1, "zone": 1, "weight": 1, "ip": "127.0.0.1", "port": int(port), "device": "disk"})
    ring.rebalance()
    ring.get_ring().save(f"{sys.argv[1]}/{name}.ring.gz")
"""
_PROXY = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
swift_dir = {folder}
[pipeline:main]
pipeline = catch_errors gatekeeper s3api tempauth slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
# A busy machine is no broken disk.
conn_timeout = 20
node_timeout = 60
recoverable_node_timeout = 60
error_suppression_limit = 1000000
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:gatekeeper]
use = egg:swift#gatekeeper
[filter:s3api]
use = egg:swift#s3api
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = {secret} .admin
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
"""
_STORE = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
swift_dir = {folder}
devices = {folder}
mount_check = false
disable_fallocate = true
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
"""


def attributes_kept(folder: Path) -> bool:
    """Tell whether files here can have extended attributes, which Swift needs."""
    probe = folder / "probe"
    probe.touch()
    try:
        os.setxattr(probe, "user.probe", b"1")
    except OSError:
        return False
    return True


@dataclass
class Swift:
    """The server; its proxy can be ended and started again."""

    folder: Path
    port: int
    _processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where it is reached."""
        return f"http://127.0.0.1:{self.port}"

    def bucket(self, name: str = "blobs", **more: str) -> Bucket:
        """Return a bucket of it."""
        given = {"endpoint_url": self.url, "access_key_id": USER, "secret_access_key": SECRET, **more}
        return Bucket(name, **given)

    async def begin(self, name: str) -> None:
        """Start one of its programs and wait until it takes connections."""
        program = Path(sys.executable).with_name(f"swift-{name}-server")
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = process = await asyncio.create_subprocess_exec(
                "setpriv", "--pdeathsig", "KILL", sys.executable, program, self.folder / f"{name}-server.conf",
                env={**os.environ, "SWIFT_CONF_DIR": str(self.folder)}, stdin=asyncio.subprocess.DEVNULL, stdout=log,
                stderr=log,
            )  # fmt: skip
        port = self.port if name == "proxy" else int((self.folder / f"{name}.port").read_text())
        async with asyncio.timeout(READY_S):
            while not _listens(port):
                assert process.returncode is None, (self.folder / f"{name}.log").read_text()[-2_000:]
                await asyncio.sleep(0.05)

    async def end(self, name: str) -> None:
        """End one of its programs at once."""
        process = self._processes[name]
        if process.returncode is None:
            process.kill()
            await process.wait()

    async def make(self, bucket: str) -> None:
        """Make a bucket, as soon as the server is up to it."""
        session = aioboto3.Session(USER, SECRET, region_name="us-east-1")
        path = Config(s3={"addressing_style": "path"})
        async with session.client("s3", endpoint_url=self.url, config=path) as client, asyncio.timeout(READY_S):
            while True:
                try:
                    await client.create_bucket(Bucket=bucket)
                    return
                except client.exceptions.ClientError as error:
                    if error.response["Error"]["Code"] != "ServiceUnavailable":
                        raise
                    await asyncio.sleep(0.1)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@asynccontextmanager
async def swift(folder: Path) -> AsyncIterator[Swift]:
    """Run it in a folder, with the bucket `blobs`, until the block ends."""
    (folder / "disk").mkdir()
    (folder / "swift.conf").write_text(
        "[swift-hash]\nswift_hash_path_suffix = tests\n[storage-policy:0]\nname = one\ndefault = yes\n"
    )
    server = Swift(folder, free_port())
    (folder / "proxy-server.conf").write_text(_PROXY.format(folder=folder, port=server.port, secret=SECRET))
    rings: list[str] = []
    for name in STORES:
        port = free_port()
        (folder / f"{name}-server.conf").write_text(_STORE.format(folder=folder, port=port, name=name))
        (folder / f"{name}.port").write_text(str(port))
        rings += [name, str(port)]
    making = await asyncio.create_subprocess_exec(sys.executable, "-c", _RINGS, folder, *rings)
    assert await making.wait() == 0
    try:
        await asyncio.gather(*map(server.begin, (*STORES, "proxy")))
        await server.make("blobs")
        yield server
    finally:
        for name in server._processes:
            await server.end(name)
