"""The relay's heartbeat: all live conversations are named, and a fresh relay is given those that it does not know."""

from types import SimpleNamespace

import mock
import pytest

from crs.errors import Busy
from crs.service import media
from crs.service.media import RelayedStream
from crs.store.calls import Call
from crs.store.conferences import Conference, RoomId
from crs.upkeep.relaywatch import RelayWatch

STREAMS = [RelayedStream(f"x/{n}", "rtp", "audio", ("u" * 20, "p" * 24), ("v" * 20, "q" * 24)) for n in (0, 1)]
CALL = Call("crs1.x", "+4670@acme", "+4671@acme", "talk", 3, 0, streams=media.dump(STREAMS))
CONFERENCE = Conference(RoomId("123456", "acme"), "crs1.room.y", 1, 0, {}, {})


@pytest.fixture
def worker():
    made = mock.Mock()
    made.store = SimpleNamespace(calls=mock.Mock(), conferences=mock.Mock())
    made.store.calls.live.return_value, made.store.conferences.live.return_value = [CALL], [CONFERENCE]
    made.relay.instance.return_value = "first"
    made.relay.poll.return_value = []
    return made


def test_every_live_conversation_is_polled(worker):
    RelayWatch(worker, range(4)).look()
    worker.relay.poll.assert_called_once_with(["x/0", "x/1", "crs1.room.y"])


def test_between_heartbeats_only_the_instance_is_looked_at(worker):
    watch = RelayWatch(worker, range(4))
    watch.look()
    watch.look()
    assert worker.relay.poll.call_count == 1
    worker.relay.instance.return_value = "second"
    watch.look()
    assert worker.relay.poll.call_count == 2


def test_what_the_relay_does_not_know_is_added_again_once_a_call(worker):
    worker.relay.poll.return_value = ["x/0", "x/1", "crs1.room.y"]
    RelayWatch(worker, range(4)).look()
    worker.relays.allocate.assert_called_once_with(CALL, STREAMS)
    worker.rooms.allocate.assert_called_once_with(CONFERENCE)


def test_one_call_that_finds_no_place_hinders_no_other(worker):
    worker.relay.poll.return_value = ["x/0", "crs1.room.y"]
    worker.relays.allocate.side_effect = Busy("no rtp relay is free on this host")
    RelayWatch(worker, range(4)).look()
    worker.rooms.allocate.assert_called_once_with(CONFERENCE)
