"""Where a call's customer is spoken to, and what is being played there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from jinaconnect.actions.live.ground import Ground
from jinaconnect.telephony import switch as telephony
from jinaconnect.telephony.switch import CUSTOMER, Room


class PromptPlayer:
    """The prompts of one call: each is played under a name of its own and its end is told once."""

    def __init__(self, call: Ground) -> None:
        self._call = call
        self._prompts: dict[str, Callable[[bool], Awaitable[None]]] = {}

    def place(self) -> telephony.Place:
        """Return where the customer is heard and spoken to."""
        customer = self._call.doc["legs"].get(CUSTOMER)
        room = customer["room"] if customer else None
        return self._call.leg(CUSTOMER) if room is None else Room(self._call.id, room)

    async def play(
        self, media: Sequence[str], prompt: str, done: Callable[[bool], Awaitable[None]], *,
        where: telephony.Place | None = None,
    ) -> None:  # fmt: skip
        """Play to the customer (with the others, where they are in a room); `done(ok)` follows once."""
        self.on_finished(prompt, done)
        try:
            await self._call.switch.play(where or self.place(), media, prompt)
        except telephony.LegGone:
            return  # its end is on the way
        except telephony.SwitchError as error:
            self._call.journal.note("prompt_failed", {"prompt": prompt, "error": str(error)}, source="system")
            self._call.queue.enqueue(lambda: self.played(prompt, False))

    def on_finished(self, prompt: str, done: Callable[[bool], Awaitable[None]]) -> None:
        """Wait for the end of a prompt that is played otherwise."""
        self._prompts[prompt] = done

    async def played(self, prompt: str, ok: bool) -> None:
        """Know that a prompt has ended."""
        done = self._prompts.pop(prompt, None)
        if done is not None:
            self._call.journal.note("prompt_ended", {"prompt": prompt.rpartition("-")[2], "ok": ok})
            await done(ok)

    async def stop(self) -> bool:
        """Stop every prompt and let its end be told; returns whether there was one."""
        prompts = list(self._prompts)
        for prompt in prompts:
            await self._call.give(self._call.switch.stop_play(prompt))
        return bool(prompts)

    def forget(self) -> None:
        """Tell nobody of the end of what is being played: who hears it is being hung up, which ends it."""
        self._prompts = {}

    async def stop_silently(self) -> None:
        """Stop what is being played; nobody is told of its end."""
        prompts, self._prompts = list(self._prompts), {}
        for prompt in prompts:
            await self._call.give(self._call.switch.stop_play(prompt))
