"""The streams of a call: fresh legs, the same after they were stored, each party sees its own."""

import random

from crs.service import media
from crs.wire.vocabulary import Candidate, Stream


def test_streams_survive_the_record():
    streams = [
        media.new_stream("crs1.x", Stream(), 0, random.Random(1)),
        media.new_stream("crs1.x", Stream("opaque", "data"), 1, random.Random(2)),
    ]
    assert media.load(media.dump(streams)) == streams
    assert media.load("") == []


def test_each_party_gets_its_own_leg():
    stream = media.new_stream("crs1.x", Stream(), 0, random.Random(1))
    (caller,) = media.legs([stream], "caller", [Candidate("192.0.2.1", 146)])
    (callee,) = media.legs([stream], "callee", [Candidate("192.0.2.1", 146)])
    assert (caller.ufrag, caller.pwd) == stream.caller != stream.callee == (callee.ufrag, callee.pwd)
    assert len(caller.ufrag) >= 4 and len(caller.pwd) >= 22  # RFC 8839, chapter 5.4


def test_a_new_allocation_has_a_new_name():
    source = random.Random(1)
    names = {media.new_stream("crs1.x", Stream(), 0, source).conversation for _ in range(100)}
    assert len(names) == 100
