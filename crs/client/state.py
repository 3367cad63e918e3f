"""What a client must remember when its process ends: its device id, and which mailbox items it has shown.

One file of JSON lines beside the credential, 0600: appended to as items are shown, rewritten when it has grown.
Without a path everything is kept in memory only.
"""

import json
import os
import secrets
from io import FileIO
from pathlib import Path

REMEMBERED = 4096  # refs; an acknowledged item is not delivered again, so only recent refs matter


class ClientState:
    """``device_id`` (chosen once, then kept) and the refs shown lately."""

    def __init__(self, path: str | Path | None = None, device_id: str | None = None, remembered: int = REMEMBERED):
        self.device_id = ""
        self._path = Path(path) if path else None
        self._remembered = remembered
        self._shown: dict[str, None] = {}
        self._file: FileIO | None = None
        self._lines = 0
        self._torn = False  # the last line is incomplete: its process died
        if self._path is not None:
            self._load(self._path)
        chosen = device_id or self.device_id or f"device-{secrets.token_hex(4)}"
        if chosen != self.device_id or self._torn or self._lines > 2 * remembered:
            self.device_id = chosen
            self._rewrite()

    def was_shown(self, ref: str) -> bool:
        return ref in self._shown

    def note_shown(self, ref: str) -> None:
        """Remember that the item ``ref`` was shown; on return it survives the end of the process."""
        self._shown[ref] = None
        while len(self._shown) > self._remembered:
            del self._shown[next(iter(self._shown))]
        if self._path is None:
            return
        self._append(self._path, json.dumps({"shown": ref}))
        if self._lines > 4 * self._remembered:
            self._rewrite()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _load(self, path: Path) -> None:
        try:
            text = path.read_text()
        except FileNotFoundError:
            return
        for line in text.splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            self.device_id = entry.get("device_id", self.device_id)
            if "shown" in entry:
                self._shown[entry["shown"]] = None
        self._lines = len(text.splitlines())
        self._torn = not text.endswith("\n")
        for ref in list(self._shown)[: -self._remembered]:
            del self._shown[ref]

    def _append(self, path: Path, line: str) -> None:
        if self._file is None:
            self._file = self._open(path, os.O_APPEND)
        self._file.write(line.encode() + b"\n")
        self._lines += 1

    def _rewrite(self) -> None:
        if self._path is None:
            return
        self.close()
        entries = [{"device_id": self.device_id}, *({"shown": ref} for ref in self._shown)]
        fresh = self._path.with_name(self._path.name + ".new")
        with self._open(fresh, os.O_TRUNC) as file:
            file.write("".join(json.dumps(entry) + "\n" for entry in entries).encode())
        fresh.replace(self._path)
        self._lines = len(entries)

    @staticmethod
    def _open(path: Path, flag: int) -> FileIO:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | flag, 0o600), "wb", buffering=0)
