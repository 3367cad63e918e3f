"""A change of media that comes too late leaves no leg at the relay that no record names."""

from random import Random
from types import SimpleNamespace

import mock
import pytest

from crs.handlers import change
from crs.relay.client import RelayClient
from crs.service import media
from crs.service.relays import Relays
from crs.store.calls import Call, CallConflict
from crs.wire.vocabulary import Change, SessionOnly, Stream

OLD = media.new_stream("crs1.x", Stream(), 0, Random(1))
CALL = Call("crs1.x", "+4670@acme", "+4671@acme", "talk", 3, 0, streams=media.dump([OLD]))
OFFER = Change("crs1.x", "c1", "offer", streams=[Stream(), Stream("rtp", "video")])


@pytest.fixture
def worker():
    relay = mock.create_autospec(RelayClient, instance=True)
    calls = mock.Mock()
    calls.as_device.return_value = CALL, "caller"
    calls.records.transition.side_effect = CallConflict(CALL)  # it ended, or changed, in this moment
    return SimpleNamespace(calls=calls, relay=relay, relays=Relays(relay, []), random=Random(2), events=mock.Mock())


@pytest.mark.parametrize("handler, params", [(change.change, OFFER), (change.relay, SessionOnly("crs1.x"))])
def test_fresh_legs_are_freed_and_those_of_the_call_stay(worker, handler, params):
    with pytest.raises(CallConflict):
        handler(worker, mock.Mock(), params, 0)
    added = {call.args[0] for call in worker.relay.add.call_args_list} - {OLD.conversation}
    assert len(added) == 1
    assert {call.args[0] for call in worker.relay.remove.call_args_list} == added
