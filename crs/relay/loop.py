"""A further loop of the relay: a thread that drains its part of the port, beside the one that serves control."""

import os
import select
import threading
import time

from .forward import Port


class FurtherLoop(threading.Thread):
    """Drains the descriptors that are registered with ``epoll``, from ``start`` to ``end``.

    ``ended``: a descriptor that can be read once the thread is over, for whatever reason.
    """

    def __init__(self, port: Port, number: int) -> None:
        super().__init__(name=f"relay loop {number}", daemon=True)
        self.epoll = select.epoll()
        self.ended, self._told = os.eventfd(0), os.eventfd(0)
        self.epoll.register(self._told, select.EPOLLIN)
        self._port = port
        self._fault: BaseException | None = None

    def run(self) -> None:
        try:
            while True:
                ready = self.epoll.poll()
                now = now_ms()
                for fd, _ in ready:
                    if fd == self._told:
                        return
                    self._port.drain(fd, now)
        except BaseException as fault:  # the process ends of it: a part of all flows would be lost otherwise
            self._fault = fault
        finally:
            os.eventfd_write(self.ended, 1)

    def end(self) -> None:
        """Stop the thread and free what it had. Raises what it died of."""
        os.eventfd_write(self._told, 1)
        if self.ident is not None:
            self.join()
        self.epoll.close()
        os.close(self.ended)
        os.close(self._told)
        if self._fault is not None:
            raise self._fault


def now_ms() -> int:
    """The relay's clock: steady, in ms."""
    return time.monotonic_ns() // 1_000_000
