"""The actions of crs-client that run once and end: send, fetch, call, answer. They say what happens as events.

Each takes (phone, options, output) and returns the exit status. Never here: how a client works.
"""

import time
from collections.abc import Iterable

from crs.client.call import OVER, Call
from crs.client.lines import lines
from crs.client.media import Media
from crs.client.messages import Received
from crs.client.output import Output
from crs.client.phone import Phone
from crs.client.wav import read_speech
from crs.errors import OperatorFault, Unavailable

EMPTY_AFTER = 1.0    # seconds without another message after which a mailbox counts as read
SPEAKS_WITHIN = 1.0  # seconds after the own speech within which the other side's has begun, if there is any

REPORTS = {"content": "message", "system": "message", "ack": "delivered", "expired": "expired"}


class Deadline:
    """The time that an action has."""

    def __init__(self, seconds: float):
        self._end = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return max(0.0, self._end - time.monotonic())


def send(phone: Phone, options: dict, output: Output) -> int:
    deadline = _attach(phone, options, output)
    awaited = set()
    for text in _texts(options):
        posted = phone.messages.post(options["NUMBER"], text, timeout=deadline.left)
        output.tell("posted", id=posted.id, to=options["NUMBER"], account=posted.account, time=posted.time)
        awaited.add(posted.id)
    while options["--delivered"] and awaited:
        items = phone.messages.wait(deadline.left)
        if not items:
            raise Unavailable(f"{len(awaited)} message(s) not acknowledged in time")
        show(phone, items, output)
        awaited -= {item.id for item in items if item.kind == "ack"}
    return 0


def fetch(phone: Phone, options: dict, output: Output) -> int:
    deadline = _attach(phone, options, output)
    wanted, seen = _count(options), 0
    while wanted is None or seen < wanted:
        items = phone.messages.wait(min(EMPTY_AFTER, deadline.left) if wanted is None else deadline.left)
        if not items:
            break
        show(phone, items, output)
        seen += sum(item.kind in ("content", "system") for item in items)
    if wanted is not None and seen < wanted:
        raise Unavailable(f"{seen} of {wanted} messages came in time")
    return 0


def call(phone: Phone, options: dict, output: Output) -> int:
    speech = read_speech(options["--play"]) if options["--play"] else b""
    deadline = _attach(phone, options, output)
    began = time.monotonic()
    call = phone.calls.invite(options["NUMBER"], timeout=deadline.left)
    output.tell("calling", peer=str(call.peer), session=call.session)
    try:
        if call.wait("ringing", deadline.left) and not call.is_over:
            output.tell("ringing", peer=str(call.peer), session=call.session)
        if not call.wait("talk", deadline.left) or call.is_over:
            raise Unavailable(f"not answered: {call.reason or 'no answer in time'}")
        media = _talk(call, speech, options, output, began, deadline)
        if speech:
            media.played.wait(deadline.left)
            _hear_out(media, deadline)
        else:
            call.wait(OVER, deadline.left)
    finally:
        call.hang_up()
        _tell_end(call, output)
    return 0


def answer(phone: Phone, options: dict, output: Output) -> int:
    speech = read_speech(options["--play"]) if options["--play"] else b""
    deadline = _attach(phone, options, output)
    call = phone.calls.next_incoming(deadline.left)
    if call is None:
        raise Unavailable("nobody called in time")
    began = time.monotonic()
    output.tell("incoming", peer=str(call.peer), session=call.session)
    try:
        call.accept(deadline.left)
        _talk(call, speech, options, output, began, deadline)
        call.wait(OVER, deadline.left)
    finally:
        call.hang_up()
        _tell_end(call, output)
    return 0


ACTIONS = {"send": send, "fetch": fetch, "call": call, "answer": answer}


def show(phone: Phone, items: list[Received], output: Output) -> None:
    """Show items of the mailbox, then acknowledge them."""
    for item in items:
        event = "unreadable" if item.fault else REPORTS[item.kind]
        members = {"peer": str(item.peer), "id": item.id, "time": item.time}
        if item.fault:
            members["fault"] = item.fault
        elif event == "message":
            members["text"] = item.text
        output.tell(event, **members)
    phone.messages.acknowledge(items)


def _talk(call: Call, speech: bytes, options: dict, output: Output, began: float, deadline: Deadline) -> Media:
    """Start the media of a call in *talk*, and wait until the other side is heard."""
    output.tell("talk", peer=str(call.peer), session=call.session, setup_ms=_since(began))
    media = call.start_media(speech, options["--record"])
    if not media.heard.wait(deadline.left):
        raise Unavailable(f"{call.peer} was not heard in time")
    output.tell("heard", peer=str(call.peer), session=call.session, heard_ms=_since(began))
    return media


def _hear_out(media: Media, deadline: Deadline) -> None:
    """Wait until the other side has ended what it says; not long where it says nothing."""
    if media.heard_out.wait(min(SPEAKS_WITHIN, deadline.left)) or not media.speech_came:
        return
    if not media.heard_out.wait(deadline.left):
        raise Unavailable("the other side did not end its speech in time")


def _tell_end(call: Call, output: Output) -> None:
    if call.media is not None:
        output.tell("media", session=call.session, **call.media.stop()._asdict())
    output.tell("ended", peer=str(call.peer), session=call.session, reason=call.reason, who=call.who)


def _attach(phone: Phone, options: dict, output: Output) -> Deadline:
    try:
        seconds = float(options["--timeout"])
    except ValueError:
        raise OperatorFault(f"--timeout {options['--timeout']}: write a number of seconds") from None
    deadline = Deadline(seconds)
    registered = phone.wait_ready(deadline.left)
    output.tell("attached", host=registered.host, worker=registered.worker, waiting=registered.waiting,
                connection=registered.connection)
    return deadline


def _texts(options: dict) -> Iterable[str]:
    count, text = _count(options), options["--text"]
    if text is None and count is None:
        return (line for line in lines() if line.strip())
    if count is None:
        return [text]
    return [f"{text or 'message'} {number}" for number in range(1, count + 1)]


def _count(options: dict) -> int | None:
    given = options["--count"]
    if given is None:
        return None
    if not given.isdecimal() or not int(given):
        raise OperatorFault(f"--count {given}: write a number above 0")
    return int(given)


def _since(began: float) -> int:
    return round(1000 * (time.monotonic() - began))
