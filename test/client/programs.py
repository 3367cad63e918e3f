"""An account whose keys are made with crs-cms, and crs-client run against its host as a program."""

import itertools
import json
import subprocess
import sys
import time

import gevent

from crs.client.phone import Phone
from crs.trust import months
from test.hosts import ROOT

PATIENCE = 30
PROGRAM = str(ROOT / "bin" / "crs-client")
QUESTION, ANSWER = ROOT / "test" / "audio" / "question.wav", ROOT / "test" / "audio" / "answer.wav"


class Domain:
    """An account whose keys are made with crs-cms, as its key manager does."""

    def __init__(self, host, directory):
        self.host, self.directory = host, directory
        self._numbers = itertools.count(46_700_000_000)
        (directory / "secret").write_text("a secret agreed with the operator\n")
        host.cli("create", "account", "acme", "-s", "-", stdin="a secret agreed with the operator\n")
        host.cli("update-notification", "enable", "acme")
        host.run(
            "crs-cms", "init", directory / "cms", "--account", "acme", "--secret", directory / "secret", check=True
        )

    def cms(self, *words) -> None:
        self.host.run("crs-cms", *words, "--home", self.directory / "cms", check=True)

    def credentials(self, count: int) -> list:
        """Credential files of new clients, which the update lists."""
        numbers = [f"+{next(self._numbers)}" for _ in range(count)]
        self.cms("add-client", *numbers)
        files = []
        for number in numbers:
            files.append(self.directory / f"{number}.json")
            self.cms("credential", number, "--server", f"127.0.0.1:{self.host.address[1]}", "--out", files[-1])
        self.update(months.of(time.time_ns() // 1_000_000))
        return files

    def update(self, month: str) -> None:
        self.cms("update", "--month", month, "--out", self.directory / "update")
        self.host.cli("apply", self.directory / "update")


def number_of(phone_or_file) -> str:
    return phone_or_file.credential.uri if isinstance(phone_or_file, Phone) else phone_or_file.stem


def run(file, *words) -> subprocess.Popen:
    line = [sys.executable, PROGRAM, str(file), *map(str, words), "--json", "--timeout", str(PATIENCE)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def events_of(program: subprocess.Popen) -> list[dict]:
    output, errors = program.communicate(timeout=2 * PATIENCE)
    assert program.returncode == 0, (output, errors)
    return [json.loads(line) for line in output.splitlines()]


def named(events: list[dict], name: str) -> list[dict]:
    return [event for event in events if event["event"] == name]


def texts(phone: Phone, count: int) -> list[str]:
    """Messages as they are shown, until ``count`` came and nothing more."""
    shown = []
    with gevent.Timeout(PATIENCE, False):
        while len(shown) < count:
            new = phone.messages.wait()
            shown += [item.text for item in new if item.kind == "content"]
            phone.messages.acknowledge(new)
    extra = phone.messages.wait(0.3)
    return shown + [item.text for item in extra if item.kind == "content"]
