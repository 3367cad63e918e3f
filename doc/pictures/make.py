#!/usr/bin/env python3
"""Makes ``processes.svg``, the processes of a host, and ``message.svg``, a message's way, for light and dark pages."""

from pathlib import Path
from xml.sax.saxutils import escape

HERE = Path(__file__).parent

STYLE = """\
text{font:12px system-ui,"Segoe UI","DejaVu Sans",sans-serif;fill:#1f2328}
.name{font-weight:600;font-size:13px}.small{font-size:11px;fill:#59636e}
.file{font:11px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.middle{text-anchor:middle}.page{fill:#ffffff;stroke:#d1d9e0}.room{fill:#f6f8fa;stroke:#d1d9e0}
.ours{fill:#ddf4ff;stroke:#0969da}.store{fill:#fff8c5;stroke:#9a6700}.other{fill:#ffffff;stroke:#59636e}
.line{stroke:#59636e;stroke-width:1.4;fill:none}.starts{stroke:#59636e;stroke-dasharray:3 4;fill:none}.tip{fill:#59636e}
.number{fill:#0969da}.on{fill:#ffffff;font-weight:600;font-size:11px}
@media (prefers-color-scheme:dark){text{fill:#f0f6fc}.small{fill:#9198a1}.page{fill:#0d1117;stroke:#3d444d}
.room{fill:#151b23;stroke:#3d444d}.ours{fill:#132d4f;stroke:#4493f8}.store{fill:#33270b;stroke:#d29922}
.other{fill:#0d1117;stroke:#9198a1}.line,.starts{stroke:#9198a1}.tip{fill:#9198a1}.number{fill:#1f6feb}.on{fill:#ffffff}}"""


class Picture:
    """SVG that grows by one shape after the other. Measures are px; a line of text is given by its base line."""

    def __init__(self, width: int, height: int, title: str):
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" '
            'orient="auto-start-reverse"><path class="tip" d="M0 0L8 4L0 8z"/></marker></defs>',
        ]
        self.rect("page", 0.5, 0.5, width - 1, height - 1)

    def rect(self, look: str, x: float, y: float, width: float, height: float) -> None:
        self._parts.append(f'<rect class="{look}" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>')

    def text(self, x: float, y: float, line: str, look: str = "") -> None:
        self._parts.append(f'<text class="{look}" x="{x}" y="{y}">{escape(line)}</text>')

    def box(self, look: str, x: float, y: float, width: float, height: float, name: str, *more: str) -> None:
        """A rectangle with a name in it, and smaller lines below the name."""
        self.rect(look, x, y, width, height)
        top = y + height / 2 - 8 * len(more) + 4
        self.text(x + width / 2, top, name, "name middle")
        for number, line in enumerate(more, 1):
            self.text(x + width / 2, top + 16 * number, line, "small middle")

    def line(self, look: str, *points: tuple[float, float]) -> None:
        self._parts.append(f'<path class="{look}" d="M{"L".join(f"{x} {y}" for x, y in points)}"/>')

    def arrow(self, *points: tuple[float, float]) -> None:
        """A line along the points, with its tip at the last."""
        way = "L".join(f"{x} {y}" for x, y in points)
        self._parts.append(f'<path class="line" d="M{way}" marker-end="url(#tip)"/>')

    def number(self, x: float, y: float, number: int) -> None:
        self._parts.append(f'<circle class="number" cx="{x}" cy="{y}" r="8"/>')
        self.text(x, y + 4, str(number), "on middle")

    def svg(self) -> str:
        return "\n".join([*self._parts, "</svg>\n"])


def processes() -> str:
    """The processes of a host, and who talks to whom over what; an arrow begins at the end that connects."""
    picture = Picture(860, 440, "The processes of a host, and who talks to whom over what")
    picture.rect("room", 240, 14, 604, 376)
    picture.text(256, 34, "one host", "small")

    picture.line("starts", (470, 96), (470, 138))
    picture.line("starts", (757, 96), (757, 138))
    picture.line("starts", (300, 96), (300, 350), (390, 350))
    picture.text(310, 382, "with --standalone; else a service of its own", "small")

    picture.box(
        "ours",
        256,
        46,
        572,
        50,
        "crsd, the supervisor",
        "opens the listening sockets, starts the others, and starts again what ends",
    )
    for shift in (8, 4, 0):
        picture.rect("ours", 380 + shift, 138 + shift, 180, 96)
    picture.box("ours", 380, 138, 180, 96, "app:attach × N", "connections and handlers,", "deadlines, metrics")
    picture.rect("room", 672, 138, 164, 150)
    picture.box("store", 682, 148, 144, 60, "redis_high", "directory, calls,", "wake-ups (pub/sub)")
    picture.box("store", 682, 218, 144, 60, "redis_low", "mailboxes, records", "of the operator")
    picture.box("ours", 390, 322, 170, 48, "crs_relay", "forwards media as it is")
    picture.box("ours", 682, 322, 144, 48, "crs-cli", "for the operator")

    picture.box("other", 16, 134, 120, 40, "Prometheus")
    picture.box("other", 16, 196, 120, 144, "clients", "and remote", "admins")
    picture.arrow((136, 154), (380, 154))
    picture.text(146, 148, "metrics-port", "small")
    picture.arrow((136, 216), (380, 216))
    picture.text(146, 210, "5223/tcp", "small")
    picture.text(146, 232, "TLS-PSK,", "small")
    picture.text(146, 248, "WebSocket,", "small")
    picture.text(146, 264, "JSON-RPC", "small")
    picture.arrow((136, 330), (390, 330))
    picture.text(146, 324, "146/udp", "small")
    picture.text(146, 346, "STUN, SRTP,", "small")
    picture.text(146, 362, "DTLS", "small")

    picture.arrow((568, 196), (672, 196))
    picture.text(620, 190, "Unix sockets", "small middle")
    picture.text(620, 212, "scripts", "small middle")
    picture.arrow((470, 242), (470, 322))
    picture.text(480, 278, "Unix socket: add, poll,", "small")
    picture.text(480, 294, "remove conversations", "small")
    picture.arrow((757, 322), (757, 288))
    picture.arrow((682, 346), (560, 346))
    picture.text(621, 340, "counters, lists", "small middle")

    picture.arrow((256, 416), (290, 416))
    picture.text(298, 420, "connects and asks", "small")
    picture.line("starts", (420, 416), (454, 416))
    picture.text(462, 420, "starts and watches", "small")
    return picture.svg()


WHO = (("sender", 52), ("worker", 166), ("redis_low", 286), ("redis_high", 390), ("worker", 494), ("receiver", 634))
SENDER, ITS_WORKER, LOW, HIGH, OTHER_WORKER, RECEIVER = (x for _, x in WHO)

# From where, to where, what goes there, and the files that it passes.
WAY = (
    (SENDER, ITS_WORKER, "message.post", "net/websocket, wire/frames,", "handlers/dispatch, handlers/message"),
    (ITS_WORKER, LOW, "post.lua", "store/mailbox: on the disk before", "it answers"),
    (ITS_WORKER, HIGH, "wake.lua: who is there?", "service/delivery, store/wakeups,", "store/directory"),
    (ITS_WORKER, SENDER, "it is stored", "handlers/dispatch, net/websocket", ""),
    (HIGH, OTHER_WORKER, "publish", "store/subscriber, store/wakeups,", "service/listening"),
    (OTHER_WORKER, RECEIVER, "message.arrived", "service/delivery,", "service/connection, net/websocket"),
    (RECEIVER, OTHER_WORKER, "message.ack", "handlers/message, service/reports", ""),
    (OTHER_WORKER, LOW, "ack.lua", "store/acknowledgement: the sender's", "report in, the message out"),
    (OTHER_WORKER, HIGH, "wake.lua", "the report goes to the sender as", "the message went: 3, 5, 6"),
)


def message() -> str:
    """A message's way, step by step, downwards in time."""
    row, top = 44, 96
    bottom = top + row * len(WAY)
    picture = Picture(950, bottom + 12, "The way of a message from sender to receiver, and of its acknowledgement back")
    for name, x in WHO:
        look = "store" if name.startswith("redis") else "ours" if name == "worker" else "other"
        picture.line("starts", (x, 44), (x, bottom - 14))
        picture.box(look, x - 44, 16, 88, 28, name)
    picture.text(702, 34, "files on the way", "small")
    for number, (start, end, what, *files) in enumerate(WAY, 1):
        y = top + row * (number - 1)
        picture.arrow((start, y), (end, y))
        left = start + 12 if start < end else end + 22  # clear of the tip
        picture.number(left, y - 11, number)
        picture.text(left + 12, y - 7, what)
        picture.text(686, y - 7, f"{number}", "small")
        for at, line in enumerate(files):
            if line:
                picture.text(702, y - 7 + 15 * at, line, "file")
    return picture.svg()


PICTURES = {"processes.svg": processes, "message.svg": message}

if __name__ == "__main__":
    for name, make in PICTURES.items():
        (HERE / name).write_text(make())
