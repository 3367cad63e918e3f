"""The HTTP server at which Prometheus fetches the metrics, on a loopback address (``metrics-port``)."""

from collections.abc import Callable

from gevent.pywsgi import WSGIServer

from ..errors import CrsError
from .metrics import Sources, address, gather, text


def serve(sources: Sources) -> WSGIServer:
    """Answer ``GET /metrics`` from now on; returns the server. Raises OSError where the port is taken."""

    def answer(environ: dict[str, str], start: Callable[[str, list[tuple[str, str]]], object]) -> list[bytes]:
        status, body = _answer(sources, environ["REQUEST_METHOD"], environ["PATH_INFO"])
        start(status, [("Content-Type", "text/plain; version=0.0.4; charset=utf-8")])
        return [body.encode()]

    server = WSGIServer((address(sources.conf), sources.conf.metrics_port), answer, log=None)
    server.start()
    return server


def _answer(sources: Sources, method: str, path: str) -> tuple[str, str]:
    if path != "/metrics":
        return "404 Not Found", "the metrics are at /metrics\n"
    if method != "GET":
        return "405 Method Not Allowed", "GET\n"
    try:
        return "200 OK", text(gather(sources))
    except CrsError as error:
        return "503 Service Unavailable", f"{error}\n"
