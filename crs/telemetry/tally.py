"""What a worker counts for the metrics, between two times that it is added to the counters of the host."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

BOUNDS = (50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000)  # ms, of the set-up time's histogram
_EVENTS = {"posted content": "posted", "posted ack": "acked"}  # trace message -> event


class Tally:
    """What one worker counted since it was taken."""

    def __init__(self) -> None:
        self._counted: Counter[str] = Counter()

    def count(self, name: str, label: str, by: int = 1) -> None:
        """``name``: a counter of METRICS, without ``crs_`` and ``_total``."""
        self._counted[f"{name} {label}"] += by

    def note(self, element: str, fields: Sequence[Any]) -> None:
        """Count an event of the trace (manual, chapter 5)."""
        if element == "message":
            self.count("messages", _EVENTS.get(fields[2], fields[2]))
        elif element == "attach":
            self.count("registrations", fields[6])

    def note_call(self, state: str, age: int) -> None:
        """Count a call that came into a state, ``age`` ms after it was created."""
        self.count("call_states", state)
        if state == "ringing":
            self.count("setup", str(next((bound for bound in BOUNDS if age <= bound), "+Inf")))
            self.count("setup", "sum", max(0, age))

    def take(self) -> Counter[str]:
        """All of it, which is forgotten here."""
        counted, self._counted = self._counted, Counter()
        return counted

    def give_back(self, counted: Counter[str]) -> None:
        """What was taken could not be stored."""
        self._counted.update(counted)
