"""Messages of a run, counted at both ends of each pair: the run counts only if all figures agree.

The conversations of each protocol report to a Pair.
"""

from collections.abc import Callable
from time import monotonic
from typing import Any

BODY = "x" * 200  # bytes of one message body


class Pair:
    """One sender and one receiver; a sender has one message under way at a time."""

    __slots__ = ("sender", "receiver", "posted", "stored", "seen", "answered", "strays", "_since", "_ledger", "busy")

    def __init__(self, ledger: "Ledger", sender: Any, receiver: Any):  # users of the protocol in use
        self.sender, self.receiver = sender, receiver
        self.posted = 0  # messages given to the server
        self.stored = 0  # acknowledged by the server
        self.seen = 0  # received, in order, each once
        self.answered = 0  # acknowledged end to end, at the sender
        self.strays = 0  # anything out of order or twice
        self.busy = False
        self._since = 0.0
        self._ledger = ledger

    def next(self) -> int | None:
        """The number of the next message, None when the time is over."""
        if self._ledger.over():
            self.busy = False
            return None
        self.posted += 1
        self.busy = True
        self._since = monotonic()
        return self.posted

    def was_stored(self) -> None:
        self.stored += 1
        if not self._ledger.online:
            self._ledger.times.append(monotonic() - self._since)

    def was_seen(self, number: int) -> None:
        if number == self.seen + 1:
            self.seen = number
        else:
            self.strays += 1

    def was_answered(self, number: int) -> None:
        if number == self.answered + 1:
            self.answered = number
            self._ledger.times.append(monotonic() - self._since)
        else:
            self.strays += 1


class Ledger:
    """All pairs of one run of ``seconds``. ``online``: a unit is done when answered, else when it is stored."""

    def __init__(self, online: bool, seconds: float):
        self.online = online
        self.times: list[float] = []  # seconds of each unit
        self.pairs: list[Pair] = []
        self.seconds = seconds
        self._end = 0.0

    def begin(self) -> None:
        self._end = monotonic() + self.seconds

    def over(self) -> bool:
        return monotonic() >= self._end

    def idle(self) -> bool:
        """Whether no message is under way."""
        return self.over() and not any(pair.busy for pair in self.pairs)

    def faults(self) -> list[str]:
        """What does not agree; empty when everything was done."""
        found = []
        checks: dict[str, Callable[[Pair], bool]] = {
            "stored is not what was posted": lambda pair: pair.stored != pair.posted,
            "seen is not what was posted": lambda pair: pair.seen != pair.posted,
            "out of order or twice": lambda pair: pair.strays > 0,
            "answered is not what was posted": lambda pair: self.online and pair.answered != pair.posted,
        }
        for what, wrong in checks.items():
            count = sum(map(wrong, self.pairs))
            if count:
                first = next(pair for pair in self.pairs if wrong(pair))
                found.append(
                    f"{what}: {count} pairs, such as posted {first.posted} stored {first.stored} "
                    f"seen {first.seen} answered {first.answered} strays {first.strays}"
                )
        return found
