"""The interactive terminal client: commands are typed, messages and calls are shown as they arrive.

It has one call at a time. Standard input may be a pipe; its end quits.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import gevent

from crs.client.call import OVER, ClientCall
from crs.client.lines import lines
from crs.client.output import Output
from crs.client.phone import Phone
from crs.client.script import Options, show
from crs.client.wav import read_speech
from crs.errors import CrsError


class Terminal:
    """One user at one phone."""

    def __init__(self, phone: Phone, options: Options, output: Output):
        self._phone = phone
        self._record = options["--record"]
        self._speech = read_speech(options["--play"]) if options["--play"] else b""
        self._output = output
        self._call: ClientCall | None = None  # the call that answer and hangup are about
        phone.client.hear(
            "registered",
            lambda told: output.tell(
                "attached", host=told.host, worker=told.worker, waiting=told.waiting, connection=told.connection
            ),
        )
        phone.client.hear("lost", lambda why: output.tell("lost", why=why))

    def run(self) -> int:
        greenlets = [gevent.spawn(self._show_messages), gevent.spawn(self._ring)]
        try:
            for line in lines():
                words = line.split(maxsplit=2)
                if words and not self._carry_out(words):
                    break
        finally:
            gevent.killall(greenlets)
        return 0

    def _carry_out(self, words: list[str]) -> bool:
        """One command line; False when it was the last."""
        command = COMMANDS.get(words[0])
        if command is None or not command.least <= len(words) - 1 <= command.most:
            self._say(f"{words[0]}: " + (f"write {command.usage}" if command else "no such command; type help"))
            return True
        try:
            return command.do(self, *words[1:]) is not False
        except CrsError as error:
            self._output.tell("failed", what=words[0], why=str(error))
            return True

    # --- commands ---

    def help(self) -> None:
        for command in COMMANDS.values():
            self._say(f"{command.usage:<24} {command.help}")

    def status(self) -> None:
        client = self._phone.client
        if client.registered:
            self._say(
                f"{self._phone.credential.client} is attached to {client.registered.host}, served by "
                f"{client.registered.worker}"
            )
        else:
            self._say(f"not attached: {client.ended or client.last_error or 'trying'}")
        if call := self._live_call():
            self._say(f"call with {call.peer}: {call.state}")

    def message(self, number: str, text: str) -> None:
        posted = self._phone.messages.post(number, text)
        self._output.tell("posted", id=posted.id, to=number, account=posted.account, time=posted.time)

    def call(self, number: str) -> None:
        if self._live_call():
            self._say("hang up first")
            return
        call = self._call = self._phone.calls.invite(number)
        self._output.tell("calling", peer=str(call.peer), session=call.session)
        gevent.spawn(self._follow, call)

    def answer(self) -> None:
        call = self._call
        if call is None or call.role != "callee" or call.state not in ("invite", "ringing"):
            self._say("nobody calls")
            return
        call.accept()

    def hangup(self) -> None:
        call = self._live_call()
        if call is None:
            self._say("there is no call")
            return
        ringing_here = call.role == "callee" and call.state != "talk"
        call.hang_up("declined" if ringing_here else "normal")

    def join(self, number: str) -> None:
        """Join a conference; ``rooms`` shows its members. This terminal neither sends nor plays sound there."""
        room = self._phone.rooms.join(number)
        self._say(f"in room {room.number}@{room.account} with {len(room.members) - 1} others")

    def leave(self, number: str) -> None:
        left = [room for room in self._phone.rooms.live() if room.number == number]
        for room in left:
            room.leave()
        self._say(f"room {number} left" if left else f"not in room {number}")

    def rooms(self) -> None:
        for room in self._phone.rooms.live():
            present = ", ".join(f"{member.uri}@{member.account}" for member in room.members)
            self._say(f"room {room.number}@{room.account}: {present}")

    def quit(self) -> bool:
        return False

    # --- in the background ---

    def _follow(self, call: ClientCall) -> None:
        """Report how a call proceeds, and start its media once it is answered."""
        began = time.monotonic()
        try:
            if call.role == "caller" and call.wait("ringing") and call.state == "ringing":
                self._output.tell("ringing", peer=str(call.peer), session=call.session)
            if call.wait("talk") and not call.is_over:
                media = call.start_media(self._speech, self._record)
                self._output.tell(
                    "talk", peer=str(call.peer), session=call.session, setup_ms=round(1000 * (time.monotonic() - began))
                )
                call.wait(OVER)
                self._output.tell("media", session=call.session, **media.stop()._asdict())
        except CrsError as error:
            self._output.tell("failed", what="call", why=str(error))
        call.hang_up("error")
        self._output.tell("ended", peer=str(call.peer), session=call.session, reason=call.reason, who=call.who)

    def _ring(self) -> None:
        while True:
            call = self._phone.calls.next_incoming()
            if call is None:
                continue
            if self._live_call():
                self._output.tell("missed", peer=str(call.peer), session=call.session)
                gevent.spawn(call.hang_up, "busy")
            else:
                self._call = call
                self._output.tell("incoming", peer=str(call.peer), session=call.session)
                gevent.spawn(self._follow, call)

    def _show_messages(self) -> None:
        try:
            while True:
                show(self._phone, self._phone.messages.wait(), self._output)
        except CrsError as error:  # this client stays away; "lost" has said why
            self._output.tell("failed", what="messages", why=str(error))

    def _live_call(self) -> ClientCall | None:
        return None if self._call is None or self._call.is_over else self._call

    def _say(self, text: str) -> None:
        self._output.tell("status", text=text)


class TerminalCommand(NamedTuple):
    """What to type, how many words follow (at least, at most), what it does."""

    usage: str
    least: int
    most: int
    do: Callable[..., bool | None]
    help: str


COMMANDS = {
    "status": TerminalCommand("status", 0, 0, Terminal.status, "where this client is attached, and its call"),
    "message": TerminalCommand("message NUMBER TEXT", 2, 2, Terminal.message, "post a message, also to who is away"),
    "call": TerminalCommand("call NUMBER", 1, 1, Terminal.call, "call somebody"),
    "answer": TerminalCommand("answer", 0, 0, Terminal.answer, "take the call that rings"),
    "hangup": TerminalCommand("hangup", 0, 0, Terminal.hangup, "end the call, or refuse the one that rings"),
    "join": TerminalCommand("join ROOM", 1, 1, Terminal.join, "take part in a conference, without sound"),
    "leave": TerminalCommand("leave ROOM", 1, 1, Terminal.leave, "leave a conference"),
    "rooms": TerminalCommand("rooms", 0, 0, Terminal.rooms, "the conferences that you are in, and who is there"),
    "help": TerminalCommand("help", 0, 0, Terminal.help, "this list"),
    "quit": TerminalCommand("quit", 0, 0, Terminal.quit, "leave; the end of the input does the same"),
}


def run(phone: Phone, options: Options, output: Output) -> int:
    """Serve the user until quit; the exit status is 0."""
    return Terminal(phone, options, output).run()
