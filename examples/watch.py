"""Watch the feed: `python examples/watch.py <key or token> [http://127.0.0.1:8080]`.

Prints every inbox event and resumes at its cursor whenever the connection ends, so it misses nothing.
"""

import asyncio
import json
import sys

import websockets


async def watch(token: str, url: str) -> None:
    cursor, pause = "start", 0.5
    while True:
        try:
            async with websockets.connect(url.replace("http", "ws", 1) + "/ws/", subprotocols=["jina.v1"]) as socket:
                await socket.send(json.dumps({"type": "auth", "token": token}))
                await socket.send(json.dumps({"type": "subscribe", "topics": ["inbox", "calls"], "after": cursor}))
                async for raw in socket:
                    frame = json.loads(raw)
                    cursor = frame.get("cursor") or cursor
                    if frame["type"] == "subscribed":
                        pause = 0.5
                    for event in frame.get("events", []):
                        data = event["data"]
                        text = (data.get("content") or {}).get("body", {}).get("text") or data.get("full_name") or ""
                        text = text or data.get("node") or data.get("digit") or data.get("hangup_cause") or ""
                        print(f"{event['seq']:>6}  {event['type']:<24} {text}", flush=True)
                    if frame["type"] == "error":
                        print("error:", frame["detail"], flush=True)
        except (OSError, websockets.ConnectionClosed) as ended:
            if 4001 <= getattr(getattr(ended, "rcvd", None), "code", 0) < 4100:
                sys.exit(f"refused: {ended}")
            await asyncio.sleep(pause)
            pause = min(pause * 2, 10)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    asyncio.run(watch(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "http://127.0.0.1:8080"))
