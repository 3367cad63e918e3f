"""The directive media-offload: a host tries it, and says so, only where it was asked to.

What media offload does is tested in test/relay/test_xdp.py.
"""

import pytest

from ..hosts import running
from . import shows

TOLD = "No media offload, sockets forward all: "  # a loopback device has no driver


@shows("media-offload")
@pytest.mark.parametrize(("directives", "tried"), [("media-offload xdp", 1), ("media-offload none", 0), ("", 0)])
def test_the_relay_of_a_host_tries_only_where_it_was_asked_to(tmp_path, directives, tried):
    with running(tmp_path, directives=directives) as host:
        assert (host.home / "log" / "crs_relay.log").read_text().count(TOLD) == tried
