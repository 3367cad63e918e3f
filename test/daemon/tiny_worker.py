"""A module process for the tests of the supervisor: it serves on its socket, and ends as it was told to.

Arguments: BEHAVIOUR INDEX HOME and what the supervisor adds. Behaviours: ``good``, ``stubborn`` (heeds no SIGTERM),
``dying`` (ends at once, code 3), ``mute`` (never ready). A connection gets the process id and is closed; a SIGHUP is
written to HOME/hup.
"""

import os
import signal
import socket
import sys
import threading
from pathlib import Path

from crs.modules.start import Start


def main() -> None:
    behaviour, index, home = sys.argv[1:4]
    inherited = dict(zip(sys.argv[4::2], map(int, sys.argv[5::2]), strict=True))
    start = Start(
        home=None,
        conf=None,
        module="tiny",
        index=int(index),
        listen_fd=inherited["--listen-fd"],
        lifeline_fd=inherited["--lifeline-fd"],
        ready_fd=inherited["--ready-fd"],
    )
    if behaviour == "dying":
        sys.exit(3)
    signal.signal(signal.SIGTERM, signal.SIG_IGN if behaviour == "stubborn" else lambda *_: os._exit(0))
    signal.signal(signal.SIGHUP, lambda *_: (Path(home) / "hup").open("a").write(f"{index}\n"))
    threading.Thread(target=start.watch_lifeline, args=(lambda: os._exit(0),), daemon=True).start()
    if behaviour != "mute":
        start.ready()
    listener = socket.socket(fileno=start.listen_fd)
    while True:
        connection, _ = listener.accept()
        connection.sendall(str(os.getpid()).encode())
        connection.close()


main()
