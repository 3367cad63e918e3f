"""Conversations between clients and a real host, as text files that a client developer can read.

```
client alice +46700000001              opens a connection (device and account where they matter: client a2 +467… @acme)
admin ann                              opens one of a remote admin (conftest.py says what it may do)
operator blacklist add acme +4670…     a command of the operator (crs-cli); workers take it up within a moment
alice -> method {"param": 1}           sends a request
alice => method {"param": 1}           sends it again and again, until it is answered as the next line says
alice <- {"state": "invite"}           its result has at least these members
alice <! not-found                     or: it is refused with this data.error
alice <~ session.ringing {"seq": 2}    a notification comes
alice <x 1008                          the connection is closed with this code
alice closes                           closes the connection
```

A line that begins with blanks goes on the one above it. ``$name`` stands for a value: remembered where it first comes
in, the same from there on. ``*`` is any value. ``#`` begins a comment line.
"""

import json
import re
import time

import gevent

from ..raw import PATIENCE, RawClient, Refused


class Dialogue:
    """Plays one dialogue file against a host; ``domain.credential(uri)`` gives the keys."""

    def __init__(self, text: str, host, domains: dict):
        self.lines = self._joined(text)
        self.host, self.domains = host, domains
        self.clients: dict[str, RawClient] = {}
        self.values: dict[str, object] = {}
        self.repeated: dict[RawClient, str] = {}  # requests that are repeated until they are answered well

    @staticmethod
    def _joined(text: str):
        lines: list[tuple[int, str]] = []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            if line[0].isspace() and lines:
                lines[-1] = (lines[-1][0], lines[-1][1] + " " + line.strip())
            else:
                lines.append((number, line))
        return lines

    def play(self) -> None:
        try:
            for number, line in self.lines:
                try:
                    self._step(line)
                except (AssertionError, Refused, KeyError) as error:
                    raise AssertionError(f"line {number}: {line}\n{type(error).__name__}: {error}") from error
        finally:
            for client in self.clients.values():
                client.close()

    def _step(self, line: str) -> None:
        words = line.split(None, 2)
        if words[0] == "client":
            name, uri = words[1], words[2].split()[0]
            account = words[2].split("@")[1].strip() if "@" in words[2] else "acme"
            self.clients[name] = RawClient(self.host.address, self.domains[account].month(uri))
            return
        if words[0] == "admin":
            self.clients[words[1]] = RawClient(self.host.address, self.host.admins[words[1]])
            return
        if words[0] == "operator":
            self.host.cli(*line.split()[1:])
            return
        client, verb, rest = self.clients[words[0]], words[1], (words[2] if len(words) > 2 else "")
        getattr(
            self,
            {
                "->": "_send",
                "=>": "_repeat",
                "<-": "_result",
                "<!": "_error",
                "<~": "_notified",
                "<x": "_closed",
                "closes": "_close",
            }[verb],
        )(client, rest)

    def _send(self, client, rest: str) -> None:
        method, _, params = rest.partition(" ")
        filled = re.sub(r'"\$(\w+)"', lambda match: json.dumps(self.values[match[1]]), params or "{}")
        client.send(method, json.loads(filled))

    def _repeat(self, client, rest: str) -> None:
        self.repeated[client] = rest
        self._send(client, rest)

    def _until(self, client, check) -> None:
        """``check`` the answer; where the request is to be repeated, until it is as it should be."""
        request, deadline = self.repeated.pop(client, None), time.monotonic() + PATIENCE
        while True:
            try:
                return check(client.answer())
            except AssertionError:
                if request is None or time.monotonic() > deadline:
                    raise
            gevent.sleep(0.05)
            self._send(client, request)

    def _result(self, client, rest: str) -> None:
        self._until(client, lambda answer: self._good(answer, rest))

    def _good(self, answer: dict, rest: str) -> None:
        assert "result" in answer, answer
        self._match(json.loads(rest or "{}"), answer["result"], "result")

    def _error(self, client, rest: str) -> None:
        self._until(client, lambda answer: self._bad(answer, rest))

    def _bad(self, answer: dict, rest: str) -> None:
        assert "error" in answer, answer
        word, _, pattern = rest.partition(" ")
        assert answer["error"]["data"]["error"] == word, answer
        self._match(json.loads(pattern or "{}"), answer["error"], "error")

    def _notified(self, client, rest: str) -> None:
        method, _, pattern = rest.partition(" ")
        self._match(json.loads(pattern or "{}"), client.notification(method), method)

    def _closed(self, client, rest: str) -> None:
        assert client.wait_closed().code == int(rest), client.closed

    def _close(self, client, rest: str) -> None:
        client.close()

    def _match(self, pattern, value, where: str) -> None:
        if isinstance(pattern, str) and pattern.startswith("$"):
            expected = self.values.setdefault(pattern[1:], value)
            assert value == expected, f"{where}: {value!r}, earlier {expected!r}"
        elif pattern == "*":
            assert value is not None, f"{where} is missing"
        elif isinstance(pattern, dict):
            assert isinstance(value, dict), f"{where}: {value!r}"
            for key, expected in pattern.items():
                assert key in value, f"{where}.{key} is missing in {value!r}"
                self._match(expected, value[key], f"{where}.{key}")
        elif isinstance(pattern, list):
            assert isinstance(value, list) and len(value) == len(pattern), f"{where}: {value!r}"
            for number, expected in enumerate(pattern):
                self._match(expected, value[number], f"{where}[{number}]")
        else:
            assert value == pattern, f"{where}: {value!r}, not {pattern!r}"
