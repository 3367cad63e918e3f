"""Lines of standard input."""

import os

import gevent
import pytest

from crs.client.lines import lines


@pytest.mark.parametrize(
    "chunks, expected",
    [
        ([b"one\ntwo\n"], ["one", "two"]),
        ([b"on", b"e\nt", b"wo"], ["one", "two"]),
        ([b"\n\n"], ["", ""]),
        ([], []),
        ([b"\xc3", b"\xa5\n", b"\xff\n"], ["å", "\ufffd"]),
    ],
)
def test_lines_come_whole_however_they_arrive(chunks, expected):
    reading, writing = os.pipe()

    def type_them():
        for chunk in chunks:
            os.write(writing, chunk)
            gevent.sleep(0.002)
        os.close(writing)

    typing = gevent.spawn(type_them)
    with gevent.Timeout(10):
        assert list(lines(reading)) == expected
    typing.get()
    os.close(reading)
