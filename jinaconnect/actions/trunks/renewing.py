"""When a trunk's registration is begun anew: Asterisk gives one up after some tries, and never tries again. Pure."""

from __future__ import annotations

from dataclasses import dataclass

STAYS_AWAY_S = 120.0  # twice as long as Asterisk waits between two tries
MOST_S = 3600.0  # of the pause, which doubles: a carrier that refuses us for good is not asked for ever


@dataclass(slots=True)
class Renewal:
    """What is remembered of one registration; times are the loop's, in seconds."""

    away_at: float | None = None
    pause_s: float | None = None
    lost: bool = False

    def due(self, *, registered: bool, answers: bool | None, down: bool, now: float) -> bool:
        """Tell whether to begin it anew now.

        That is where it stays away though its carrier answers, as far as is known, and once where a carrier that was
        `down`, by what was known before, answers again: it may have forgotten whom it knew.
        """
        self.lost = self.lost or down
        if answers is False:
            self.away_at = None
            return False
        if self.lost and answers:
            self.lost, self.away_at = False, now
            return True
        if registered:
            self.away_at = self.pause_s = None
            return False
        if self.away_at is None:
            self.away_at = now
        pause = STAYS_AWAY_S if self.pause_s is None else self.pause_s
        if now - self.away_at < pause:
            return False
        self.away_at, self.pause_s = now, min(2 * pause, MOST_S)
        return True
