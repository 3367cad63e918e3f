#!/usr/bin/env python3
"""Makes ``run.svg``, a terminal in which ``make run`` goes by, out of ``run.json``, a recording of a real run.

``make.py``           writes run.svg from run.json
``make.py record``    runs ``make run`` in a terminal of its own, and writes run.json: when which output came

The picture is SVG with CSS animation, nothing else, so it moves wherever an image can stand. Pauses beyond LONGEST are
shortened; then all is slowed down evenly to LENGTH, for most of the output comes in bursts too quick to read. Where
nothing moves (on paper, for a reader who asked for less motion) the end is shown.
"""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
COLUMNS, ROWS = 112, 27
CHARACTER, LINE, BORDER = 7.23, 16, 14  # px: advance and height of a line at 12 px, and what is left around the text
LONGEST = 1.5  # seconds of a pause, before all is stretched
LENGTH, HOLD = 20.0, 6.0  # seconds: the run, and its end before it begins again
STEP = 0.04  # seconds within which output counts as one piece
ESCAPE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")

STYLE = """\
text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#c9d1d9;white-space:pre}
.typed{fill:#7ee787}.step{fill:#ffffff;font-weight:bold}
#screen{animation:screen %(seconds)gs step-end infinite}#unseen{animation:unseen %(seconds)gs step-end infinite}
@keyframes screen{%(screen)s}
@keyframes unseen{%(unseen)s}
@media (prefers-reduced-motion:reduce){#screen,#unseen{animation:none}}"""


class Piece(NamedTuple):
    """Output that came at one moment: seconds since the start, and the text."""

    time: float
    text: str


def record() -> list[Piece]:
    """Run ``make run`` on a terminal of COLUMNS by ROWS. Raises CalledProcessError where it fails."""
    subprocess.run(["make", "--silent", "venv"], cwd=ROOT, check=True)  # on a fresh machine that takes a minute
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "CRS_"))}
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    begin = time.monotonic()
    run = subprocess.Popen(
        ["make", "run"],
        cwd=ROOT,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    pieces: list[Piece] = []
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # the last process that had the terminal is gone
            break
        now = time.monotonic() - begin
        if pieces and now - pieces[-1].time < STEP:
            pieces[-1] = Piece(pieces[-1].time, pieces[-1].text + data.decode())
        else:
            pieces.append(Piece(round(now, 3), data.decode()))
    os.close(ours)
    if run.wait():
        raise subprocess.CalledProcessError(run.returncode, run.args)
    return pieces


def rows(text: str) -> list[str]:
    """What a terminal makes of ``text``: tab stops at each eighth column, lines wrapped at COLUMNS."""
    if ESCAPE.search(text):
        raise ValueError("the run sent more to the terminal than text")
    made = []
    for line in text.replace("\r\n", "\n").split("\n"):
        line = line.expandtabs(8)
        made += [line[at : at + COLUMNS] for at in range(0, max(1, len(line)), COLUMNS)]
    return made


def paced(pieces: list[Piece]) -> list[float]:
    """When each piece is shown, in seconds of the picture: the first after 1 s, the last at LENGTH."""
    times, now, before = [], 0.0, pieces[0].time
    for piece in pieces:
        now += min(piece.time - before, LONGEST)
        before = piece.time
        times.append(now)
    return [1 + at * (LENGTH - 1) / now for at in times]


def frames(pieces: list[Piece]) -> list[tuple[float, int]]:
    """(seconds, rows that are there by then); the first is the command itself."""
    text, found = "$ make run\n", [(0.0, 1)]
    for at, piece in zip(paced(pieces), pieces, strict=True):
        text += piece.text
        found.append((at, len(rows(text)) - text.endswith("\n")))
    return found


def animation(shown: list[tuple[float, int]]) -> str:
    """The style sheet: the text moves up by whole lines, and until the screen is full what is to come is covered."""
    seconds = LENGTH + HOLD

    def steps(value):
        moves, last = [], None
        for at, count in shown:
            if value(count) != last:
                last = value(count)
                moves.append(f"{100 * at / seconds:.2f}%{{transform:translateY({last}px)}}")
        return "".join([*moves, f"100%{{transform:translateY({last}px)}}"])

    return STYLE % {
        "seconds": seconds,
        "screen": steps(lambda count: -LINE * max(0, count - ROWS)),
        "unseen": steps(lambda count: LINE * min(count, ROWS)),
    }


def picture(pieces: list[Piece]) -> str:
    """The recording as SVG."""
    text = "$ make run\n" + "".join(piece.text for piece in pieces)
    lines = rows(text.rstrip("\r\n"))
    width, height = round(COLUMNS * CHARACTER) + 2 * BORDER, ROWS * LINE + 2 * BORDER
    drawn, typing = [], False
    for number, line in enumerate(lines):
        wrapped = number > 0 and len(lines[number - 1]) == COLUMNS
        typing = line.startswith("$ ") or (typing and wrapped)
        look = ' class="typed"' if typing else ' class="step"' if line.startswith("== ") else ""
        if line:
            drawn.append(f'<text y="{number * LINE + 12}"{look}>{escape(line)}</text>')
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" role="img" xml:space="preserve">',
            "<title>make run: a host is started, messages are sent, a secure call is made</title>",
            f"<style>{animation(frames(pieces))}</style>",
            f'<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>',
            f'<svg x="{BORDER}" y="{BORDER}" width="{width - 2 * BORDER}" height="{ROWS * LINE}">',
            f'<g id="screen" transform="translate(0 {-LINE * max(0, len(lines) - ROWS)})">',
            *drawn,
            "</g>",
            f'<rect id="unseen" width="{width}" height="{ROWS * LINE}" fill="#0d1117" '
            f'transform="translate(0 {ROWS * LINE})"/>',
            "</svg>",
            "</svg>\n",
        ]
    )


def load() -> list[Piece]:
    """The recording that is kept."""
    return [Piece(*piece) for piece in json.loads((HERE / "run.json").read_text())]


def main(arguments: list[str]) -> int:
    if arguments == ["record"]:
        lines = ",\n".join(json.dumps(piece) for piece in record())
        (HERE / "run.json").write_text(f"[\n{lines}\n]\n")
    elif arguments:
        print(__doc__, file=sys.stderr)
        return 2
    (HERE / "run.svg").write_text(picture(load()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
