"""What an operator types and sees, as text files: dialogues of clients (``test.dialogues``) with crs-cli in between.

```
$ crs-cli show attach                          runs in a terminal of its own, to its end
| URI  ACCOUNT  TIME  VERSION  IP:PORT  CRS    a line that it shows; cells stand apart by two blanks
< y                                            what is answered to a question (before any line)
? 1                                            its exit code, where it is not 0
$$ crs-cli show attach                         as $, again and again until it shows what follows
1 $ crs-cli trace attach                       starts in terminal 1, and stays there
1 | event  *  *  primary                       a line that comes there; others before it are passed over
1 ^C                                           ctrl-c; it ends at once, with exit code 0
```

In a cell ``*`` is any text, also as a part of it, and ``?`` any character; ``$name`` is a value of the dialogue.
``...`` is any number of cells, and as a line any number of lines. Lines that begin with blanks go on those above them.
"""

import fnmatch
import os
import re
import shlex
import sys
from pathlib import Path

import gevent
import pexpect

from crs.store import Store
from test.dialogues import Dialogue
from test.hosts import ROOT, wait_for

PATIENCE = 20  # seconds
WORKERS = 2


class Mismatch(AssertionError):
    """What a terminal shows is not what the transcript says."""


class Transcript(Dialogue):
    """Plays one transcript; ``values`` are what ``$name`` stands for from the beginning."""

    def __init__(self, text: str, host, domains: dict, values: dict):
        super().__init__(text, host, domains)
        self.values.update(values)
        self.terminals: dict[str, pexpect.spawn] = {}

    @staticmethod
    def _joined(text: str):
        """A command and what it shows are one step."""
        steps: list[tuple[int, str]] = []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            if line[0] in "|<?" or line[0].isspace():
                between = "\n" if line[0] in "|<?" else "  "
                steps[-1] = (steps[-1][0], f"{steps[-1][1]}{between}{line.strip()}")
            else:
                steps.append((number, line))
        return steps

    def play(self) -> None:
        try:
            super().play()
        finally:
            for terminal in self.terminals.values():
                terminal.close(force=True)

    def _step(self, line: str) -> None:
        if line.startswith("$$ "):
            self._run_until(line[3:])
        elif line.startswith("$ "):
            self._run(line[2:])
        elif line[0].isdigit():
            name, verb, rest = (line.split(None, 2) + [""])[:3]
            {"$": self._begin, "|": self._comes, "^C": self._interrupt}[verb](name, rest)
        else:
            super()._step(line)

    # --- a terminal of its own --------------------------------------------------------------------------------------

    def _run_until(self, step: str) -> None:
        def seen():
            try:
                self._run(step)
                return True
            except Mismatch as mismatch:
                seen.last = mismatch
                return False

        try:
            wait_for(seen, step, PATIENCE)
        except AssertionError as error:
            raise Mismatch(f"{error}: {seen.last}") from None

    def _run(self, step: str) -> None:
        command, *expected = step.split("\n")
        terminal = self._spawn(command)
        for answer in (line[1:].strip() for line in expected if line[0] == "<"):
            terminal.expect_exact("[y/N] ")
            terminal.sendline(answer)
            terminal.expect_exact("\r\n")  # the echo
        text = terminal.read()
        terminal.close()
        code = next((int(line[1:]) for line in expected if line[0] == "?"), 0)
        if terminal.exitstatus != code:
            raise Mismatch(f"exit code {terminal.exitstatus}: {text}")
        self._shows([line[1:].strip() for line in expected if line[0] == "|"], text.split("\r\n")[:-1])

    def _shows(self, expected: list[str], lines: list[str]) -> None:
        shown = list(lines)
        for line in expected:
            if line == "...":
                shown.clear()
            elif not shown or not self._is(line, shown[0]):
                raise Mismatch(f"{line!r} is not shown at its place in:\n" + "\n".join(lines))
            else:
                shown.pop(0)
        if shown:
            raise Mismatch("more is shown:\n" + "\n".join(shown))

    def _is(self, expected: str, line: str) -> bool:
        wanted, cells = (re.split(r"\s{2,}", text.strip()) for text in (expected, line.replace("\t", "  ")))
        if wanted[-1] == "...":
            wanted, cells = wanted[:-1], cells[: len(wanted) - 1]
        return len(wanted) == len(cells) and all(map(self._cell, wanted, cells))

    def _cell(self, wanted: str, cell: str) -> bool:
        if wanted.startswith("$"):
            return str(self.values.setdefault(wanted[1:], cell)) == cell
        return fnmatch.fnmatchcase(cell, wanted.replace("[", "[[]"))

    def _spawn(self, command: str) -> pexpect.spawn:
        program, *words = [
            str(self.values[word[1:]]) if word.startswith("$") else word for word in shlex.split(command)
        ]
        environment = {**os.environ, "CRS_HOME": str(self.host.home), "TERM": "xterm", "NO_COLOR": "1"}
        return pexpect.spawn(
            sys.executable,
            [str(ROOT / "bin" / program), *words],
            env=environment,
            timeout=PATIENCE,
            encoding="utf-8",
            dimensions=(50, 250),
        )

    # --- terminals that stay ----------------------------------------------------------------------------------------

    def _begin(self, name: str, step: str) -> None:
        command, *expected = step.split("\n")
        high = Store.direct(self._home(), "crs1").high
        before = _looks(high)
        self.terminals[name] = self._spawn(command)
        titles = self._line(name)
        for line in expected:
            if not self._is(line[1:].strip(), titles):
                raise Mismatch(f"{name}: {titles!r}")
        wait_for(lambda: _looks(high) >= before + 2 * WORKERS, "every worker sees that somebody listens")
        high.close()

    def _home(self):
        from crs.home.paths import Home

        return Home(Path(self.host.home))

    def _line(self, name: str) -> str:
        """The next line of a terminal; clients go on meanwhile."""
        terminal = self.terminals[name]
        with gevent.Timeout(PATIENCE, Mismatch(f"{name}: no line within {PATIENCE} s")):
            while True:
                if terminal.expect_exact(["\r\n", pexpect.TIMEOUT, pexpect.EOF], timeout=0.05) == 0:
                    return terminal.before
                gevent.sleep(0.01)

    def _comes(self, name: str, expected: str) -> None:
        passed = []
        try:
            while not self._is(expected, line := self._line(name)):
                passed.append(line)
        except Mismatch as error:
            raise Mismatch(f"{error}; before: {passed}") from None

    def _interrupt(self, name: str, _) -> None:
        terminal = self.terminals.pop(name)
        terminal.sendintr()
        text = terminal.read()
        terminal.close()
        if terminal.exitstatus != 0 or "Traceback" in text:
            raise Mismatch(f"{name}: exit code {terminal.exitstatus}: {text}")


def _looks(high) -> int:
    """How often a worker asked whether anybody listens to a trace."""
    stats = high.call("INFO", "commandstats").decode()
    found = re.search(r"cmdstat_pubsub\|numsub:calls=(\d+)|cmdstat_pubsub:calls=(\d+)", stats)
    return int(found[1] or found[2]) if found else 0
