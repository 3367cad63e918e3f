"""``make run``: a fresh host, an account, secure messages and a secure call, as a person would type it.

Every command is printed and then run by a shell. Exit code 0 only if all of it succeeded; else the step that failed is
named.
"""

import contextlib
import filecmp
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[1]
PLACE = ROOT / ".tour"
ALICE, BOB = "+46701234567", "+46707654321"
AWAY, HERE = 3, 3  # messages sent while Bob is away, and while he is attached
PATIENCE = int(os.environ.get("CRS_TOUR_PATIENCE", "60"))  # seconds that any one wait may take


class Failed(Exception):
    """A step did not do what it should."""


def say(text: str = "") -> None:
    print(text, flush=True)


def free_port(kind: socket.SocketKind) -> int:
    """A port of 127.0.0.1, below those that the kernel may give to another program before the host takes it."""
    while True:
        with socket.socket(socket.AF_INET, kind) as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", random.randint(10_000, 32_767)))
            return int(sock.getsockname()[1])


class Background:
    """A command that runs beside others. Its output goes to a file, and from there to the screen."""

    def __init__(self, line: str, name: str, where: Path):
        self.name, self.path = name, where / f"{name}.out"
        say(f"$ {line} &")
        with open(self.path, "wb") as file:
            self.process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {line}"],
                cwd=ROOT,
                stdout=file,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )
        self._shown = 0

    def lines(self) -> list[str]:
        return self.path.read_text(errors="replace").splitlines()

    def show(self) -> None:
        """Print its output since the last time."""
        lines = self.lines()
        for line in lines[self._shown :]:
            say(f"    [{self.name}] {line}")
        self._shown = len(lines)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines() if line.startswith("{")]

    def wait_event(self, event: str, count: int = 1) -> dict[str, Any]:
        """Wait until it has reported ``event`` ``count`` times; returns the last of them."""

        def found() -> dict[str, Any] | None:
            told = [each for each in self.events() if each["event"] == event]
            return told[count - 1] if len(told) >= count else None

        return self.wait_until(found, f"no {event!r} from {self.name}")

    def wait_until(self, condition: Callable[[], T | None], otherwise: str) -> T:
        deadline = time.monotonic() + PATIENCE
        while True:
            ended = self.process.poll() is not None
            value = condition()
            self.show()
            if value:
                return value
            if ended or time.monotonic() > deadline:
                raise Failed(
                    f"{otherwise}: it ended with exit code {self.process.returncode}"
                    if ended
                    else f"{otherwise} within {PATIENCE} s"
                )
            time.sleep(0.05)

    def wait_end(self) -> None:
        """Wait until it ends by itself, with exit code 0."""
        self.wait_until(lambda: self.process.poll() is not None, f"{self.name} did not end")
        if self.process.returncode:
            raise Failed(f"{self.name} ended with exit code {self.process.returncode}")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Tour:
    """The steps, in order; ``facts`` are the lines of the summary."""

    def __init__(self, place: Path):
        self.place = place
        self.dir = place.relative_to(ROOT)
        self.step = ""
        self.running: list[Background] = []
        self.facts: dict[str, object] = {}

    def begin(self, text: str) -> None:
        self.step = text
        say(f"\n== {text}")

    def type(self, line: str) -> str:
        """Run a command as typed; its output is printed and returned. Raises Failed."""
        say(f"$ {line}")
        try:
            done = subprocess.run(
                ["/bin/sh", "-c", line],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=PATIENCE,
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"{line.split()[0]} took longer than {PATIENCE} s") from None
        for text in done.stdout.splitlines():
            say(f"    {text}")
        if done.returncode:
            raise Failed(f"exit code {done.returncode} from: {line}")
        return done.stdout

    def background(self, line: str, name: str) -> Background:
        started = Background(line, name, self.place)
        self.running.append(started)
        return started

    def export(self, name: str, value: object) -> None:
        say(f"$ export {name}={value}")
        os.environ[name] = str(value)

    # --- the story --------------------------------------------------------------------------------------------------

    def host(self) -> None:
        self.begin("1. A fresh host")
        self.listen, self.relay = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_DGRAM)
        self.type(
            f"bin/crsd --init {self.dir}/crs --ip 127.0.0.1 --listen-port {self.listen} --relay-port {self.relay}"
        )
        crsd = self.background(f"bin/crsd --home {self.dir}/crs --standalone", "crsd")
        crsd.wait_until(lambda: any("ready on" in line for line in crsd.lines()), "the host is not ready")

    def account(self) -> None:
        self.begin("2. An account, its monthly update, two clients")
        directory = self.dir
        self.export("CRS_HOME", f"{directory}/crs")
        self.export("CRS_CMS_HOME", f"{directory}/cms")
        self.type(f"bin/crs-cli create sharedSecret > {directory}/acme.secret")
        self.type(f"bin/crs-cli create account acme -s - < {directory}/acme.secret > /dev/null")
        self.type(f"bin/crs-cms init {directory}/cms --account acme --secret {directory}/acme.secret")
        self.type(f"bin/crs-cms add-client {ALICE} {BOB}")
        self.type(f"bin/crs-cms update --out {directory}/acme.upd")
        self.type(f"bin/crs-cli apply {directory}/acme.upd")
        for name, uri in (("alice", ALICE), ("bob", BOB)):
            self.type(f"bin/crs-cms credential {uri} --server 127.0.0.1:{self.listen} --out {directory}/{name}.json")
        self.type("bin/crs-cli show updates")

    def client(self, name: str, action: str) -> str:
        return f"bin/crs-client {self.dir}/{name}.json {action}"

    def messages(self) -> None:
        self.begin("3. Messages, end-to-end encrypted, also while the receiver is away")
        self.type(self.client("bob", "fetch"))  # his keys of the month are known from here on
        self.type(self.client("alice", f"send {BOB} --count {AWAY} --text 'while you were away,'"))
        self.type("bin/crs-cli show message")
        bob = self.background(self.client("bob", f"fetch --count {AWAY + HERE} --json"), "bob")
        worker = bob.wait_event("attached")["worker"]
        bob.wait_event("message", AWAY)
        alice = self.background(
            self.client(
                "alice",
                f"send {BOB} --count {HERE} --text 'while you are here,' --delivered --avoid-worker {worker} --json",
            ),
            "alice",
        )
        alice.wait_end()
        bob.wait_end()
        shown = [event["text"] for event in bob.events() if event["event"] == "message"]
        expected = [f"while you were away, {number}" for number in range(1, AWAY + 1)] + [
            f"while you are here, {number}" for number in range(1, HERE + 1)
        ]
        if shown != expected:
            raise Failed(f"Bob was shown {shown}")
        if alice.wait_event("attached")["worker"] == worker:
            raise Failed("both clients were on one worker")
        self.facts["messages delivered"] = f"{len(shown)} of {AWAY + HERE}, in order, each once"
        self.type("bin/crs-cli show message")

    def call(self) -> None:
        self.begin("4. A call, with speech in both directions through the relay")
        question, answer = "test/audio/question.wav", "test/audio/answer.wav"
        at_bob, at_alice = self.place / "at-bob.wav", self.place / "at-alice.wav"
        bob = self.background(
            self.client("bob", f"answer --play {answer} --record {self.dir}/at-bob.wav --json"), "bob"
        )
        worker = bob.wait_event("attached")["worker"]
        alice = self.background(
            self.client(
                "alice", f"call {BOB} --play {question} --record {self.dir}/at-alice.wav --avoid-worker {worker} --json"
            ),
            "alice",
        )
        for client in (alice, bob):
            client.wait_event("heard")
        for element in ("attach", "session", "message", "relay", "relays"):
            self.type(f"bin/crs-cli show {element}")
        alice.wait_end()
        bob.wait_end()
        for name, sent, received in (("Alice to Bob", question, at_bob), ("Bob to Alice", answer, at_alice)):
            say(f"$ cmp {sent} {received.relative_to(ROOT)}")
            if not filecmp.cmp(ROOT / sent, received, shallow=False):
                raise Failed(f"{name}: what was recorded is not what was sent")
        self._tell_media(alice, bob, worker)

    def _tell_media(self, alice: Background, bob: Background, worker: str) -> None:
        self.facts["workers"] = f"Alice on {alice.wait_event('attached')['worker']}, Bob on {worker}"
        self.facts["call set-up"] = f"{alice.wait_event('talk')['setup_ms']} ms from invite to answer"
        lost = 0
        for name, client in (("Alice", alice), ("Bob", bob)):
            media = client.wait_event("media")
            lost += media["lost"]
            self.facts[f"media at {name}"] = (
                f"{media['sent']} packets sent, {media['received']} received, "
                f"{media['lost']} lost, jitter {media['jitter_ms']} ms"
            )
        self.facts["speech"] = "byte for byte what was sent, in both directions"
        if lost:
            raise Failed(f"{lost} packets were lost")

    def end(self) -> None:
        self.begin("5. The host ends")
        crsd = self.running[0]
        crsd.stop()
        crsd.show()
        if crsd.process.returncode:
            raise Failed(f"crsd ended with exit code {crsd.process.returncode}")

    def run(self) -> None:
        for step in (self.host, self.account, self.messages, self.call, self.end):
            step()


def main() -> int:
    """Go through all steps in a directory of their own inside the checkout; removed unless something failed."""
    os.umask(0o077)
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # the environment that make set up
    PLACE.mkdir(exist_ok=True)
    tour = Tour(Path(tempfile.mkdtemp(prefix="", dir=PLACE)))
    failure = None
    try:
        tour.run()
    except Failed as failed:
        failure = str(failed)
    except KeyboardInterrupt:
        failure = "interrupted"
    finally:
        for started in reversed(tour.running):
            started.stop()
    say("\n== Summary")
    for name, fact in tour.facts.items():
        say(f"    {name + ':':<20} {fact}")
    if failure:
        say(f"FAILED in step {tour.step!r}: {failure}\nlogs and files: {tour.dir}")
        return 1
    shutil.rmtree(tour.place)
    say("all of it held")
    return 0


if __name__ == "__main__":
    sys.exit(main())
