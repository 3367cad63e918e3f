"""What was done, counted on both sides: the ledger of pairs that exchange messages.

Never here: protocols, sockets. Each protocol's conversations report to a Pair; a run counts only if all adds up.
"""

from time import monotonic

BODY = "x" * 200  # bytes of one message body


class Pair:
    """One sender and one receiver; a sender has one message under way at a time."""

    __slots__ = ("sender", "receiver", "posted", "stored", "seen", "answered", "strays", "_since", "_tally", "busy")

    def __init__(self, tally: "Tally", sender, receiver):
        self.sender, self.receiver = sender, receiver
        self.posted = 0  # messages given to the server
        self.stored = 0  # the server acknowledged
        self.seen = 0  # the receiver got, in order, each once
        self.answered = 0  # whose end-to-end acknowledgement reached the sender
        self.strays = 0  # anything out of order or twice
        self.busy = False
        self._since = 0.0
        self._tally = tally

    def next(self) -> int | None:
        """The number of the next message, None when the time is over."""
        if self._tally.over():
            self.busy = False
            return None
        self.posted += 1
        self.busy = True
        self._since = monotonic()
        return self.posted

    def was_stored(self) -> None:
        self.stored += 1
        if not self._tally.online:
            self._tally.times.append(monotonic() - self._since)

    def was_seen(self, number: int) -> None:
        if number == self.seen + 1:
            self.seen = number
        else:
            self.strays += 1

    def was_answered(self, number: int) -> None:
        if number == self.answered + 1:
            self.answered = number
            self._tally.times.append(monotonic() - self._since)
        else:
            self.strays += 1


class Tally:
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
        """Whether nothing is under way any more."""
        return self.over() and not any(pair.busy for pair in self.pairs)

    def faults(self) -> list[str]:
        """What does not add up; empty when the work was really done."""
        found = []
        for what, wrong in (
            ("stored is not what was posted", lambda one: one.stored != one.posted),
            ("seen is not what was posted", lambda one: one.seen != one.posted),
            ("out of order or twice", lambda one: one.strays),
            ("answered is not what was posted", lambda one: self.online and one.answered != one.posted),
        ):
            count = sum(map(bool, map(wrong, self.pairs)))
            if count:
                first = next(pair for pair in self.pairs if wrong(pair))
                found.append(
                    f"{what}: {count} pairs, such as posted {first.posted} stored {first.stored} "
                    f"seen {first.seen} answered {first.answered} strays {first.strays}"
                )
        return found
