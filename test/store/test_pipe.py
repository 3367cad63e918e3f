"""One connection for many greenlets: answers in order to whoever asked, whatever else happens to it."""

import gevent
import pytest
from gevent import socket

from crs.errors import Unavailable
from crs.store.commands import SCRIPTS, RedisError
from crs.store.pipe import Pipe

ECHO = {"echo": b"return ARGV[1]", "set": b"return redis.call('SET', KEYS[1], ARGV[1])"}
LIMIT = 10  # seconds a test waits for what must come


@pytest.fixture
def pipe(server):
    pipe = Pipe(server.path, "redis", ECHO)
    yield pipe
    pipe.close()


def until(condition):
    """Wait, with a bound, until the condition holds."""
    with gevent.Timeout(LIMIT, AssertionError("it never came to hold")):
        while not condition():
            gevent.sleep(0.01)


def works(pipe):
    try:
        return pipe.call("PING") == b"PONG"
    except Unavailable:
        return False


def test_every_greenlet_gets_its_own_answers(pipe):
    def ask(name):
        for number in range(50):
            text = f"{name}.{number}".encode()
            assert pipe.script("echo", (), (text,)) == text
            assert pipe.calls([("ECHO", text), ("ECHO", text * 2)]) == [text, text * 2]

    asking = [gevent.spawn(ask, name) for name in range(50)]
    gevent.joinall(asking, timeout=LIMIT, raise_error=True)
    assert all(greenlet.successful() for greenlet in asking)


def test_who_gives_up_gets_nothing_and_nobody_gets_its_answer(server, pipe):
    """Greenlets are killed while they wait; those beside them and the next calls still get their own answers."""
    assert works(pipe)
    server.freeze()
    asking = [gevent.spawn(pipe.call, "ECHO", str(number)) for number in range(20)]
    gevent.sleep(0)
    for greenlet in asking[::2]:
        greenlet.kill(block=False)
    gevent.joinall(asking[::2], timeout=LIMIT)
    late = gevent.spawn(pipe.call, "ECHO", "late")
    server.thaw()
    gevent.joinall(asking, timeout=LIMIT)
    assert [greenlet.value for greenlet in asking[1::2]] == [str(number).encode() for number in range(1, 20, 2)]
    assert late.get(timeout=LIMIT) == b"late"


def test_no_commands_no_answers(pipe):
    assert pipe.calls([]) == []
    assert works(pipe)


def test_a_late_answer_is_dropped(server):
    pipe = Pipe(server.path, "redis", ECHO, timeout_ms=300)
    assert works(pipe)
    server.freeze()
    with pytest.raises(Unavailable, match="in time"):
        pipe.call("ECHO", "slow")
    with pytest.raises(Unavailable, match="in time"):
        pipe.calls([("ECHO", "slow"), ("ECHO", "slower")])
    server.thaw()
    until(lambda: works(pipe))
    assert pipe.call("ECHO", "next") == b"next"
    pipe.close()


def test_killed_redis_fails_all_who_wait_then_calls_fail_at_once_then_it_is_back(server, pipe):
    assert works(pipe)
    server.freeze()
    asking = [gevent.spawn(pipe.call, "INCR", "n") for _ in range(10)]
    gevent.sleep(0.05)
    server.kill()
    gevent.joinall(asking, timeout=LIMIT)
    assert all(isinstance(greenlet.exception, Unavailable) for greenlet in asking)
    with pytest.raises(Unavailable, match="not running"):
        pipe.call("PING")
    server.start()
    until(lambda: works(pipe))
    assert pipe.script("echo", (), ("scripts are loaded again",)) == b"scripts are loaded again"


def test_it_may_be_made_before_redis_runs(server):
    server.kill()
    pipe = Pipe(server.path, "redis", ECHO)
    with pytest.raises(Unavailable):
        pipe.call("PING")
    server.start()
    until(lambda: works(pipe))
    pipe.close()


def test_errors_say_whose_fault_it_was(server, pipe):
    with pytest.raises(RedisError, match="unknown command"):
        pipe.call("NOSUCH")
    first, second, third = pipe.calls([("SET", "a", "1"), ("HGET", "a", "b"), ("GET", "a")])
    assert (first, type(second), third) == (b"OK", RedisError, b"1")
    with pytest.raises(RedisError):
        pipe.all([("SET", "a", "2"), ("HGET", "a", "b"), ("GET", "a")])


def test_a_redis_that_cannot_write_is_unavailable(pipe):
    pipe.call("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(Unavailable, match="OOM"):
        pipe.call("SET", "a", "1")
    with pytest.raises(Unavailable, match="OOM"):
        pipe.script("set", ("a",), ("1",))


def test_scripts_that_were_flushed_come_back(pipe):
    pipe.call("SCRIPT", "FLUSH")
    assert pipe.script("echo", (), ("x",)) == b"x"
    assert pipe.calls([pipe.evalsha("echo", (), ("y",)), ("ECHO", "z")]) == [b"y", b"z"]


def test_a_long_answer_and_a_long_question(pipe):
    body = b"x" * 5_000_000
    pipe.call("SET", "long", body)
    assert pipe.call("GET", "long") == body


def test_a_hint_never_waits_and_never_raises(server, pipe):
    assert works(pipe)
    pipe.tell("SET", "hint", "1")
    until(lambda: pipe.call("EXISTS", "hint"))
    pipe.tell("NOSUCH")
    assert works(pipe)
    server.kill()
    until(lambda: not works(pipe))
    pipe.tell("SET", "hint", "2")


@pytest.mark.parametrize(
    ("answer", "good"), [(b"+OK\r\n" * 4, 3), (b"+OK\r\nthis is not the protocol\r\n", 1), (b"+OK\r\n", 1), (b"", 0)]
)
def test_a_fault_of_the_protocol_fails_all_and_closes(tmp_path, answer, good):
    """A server that greets well, then answers more than was asked, or rubbish, or hangs up; three wait for it."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "fake.sock"))
    listener.listen()

    def serve():
        link, _ = listener.accept()
        link.recv(65536)
        link.sendall(b"+PONG\r\n")
        link.recv(65536)
        link.sendall(answer)
        if answer not in (b"", b"+OK\r\n"):
            assert link.recv(65536) == b""  # hung up by the other side
        link.close()

    serving = gevent.spawn(serve)
    pipe = Pipe(tmp_path / "fake.sock", "fake", {}, retry_ms=60_000)
    asking = [gevent.spawn(pipe.call, "GET", "a") for _ in range(3)]
    serving.get(timeout=LIMIT)
    gevent.joinall(asking, timeout=LIMIT)
    assert [greenlet.value for greenlet in asking] == [b"OK"] * good + [None] * (3 - good)
    assert all(isinstance(greenlet.exception, Unavailable) for greenlet in asking[good:])
    with pytest.raises(Unavailable):
        pipe.call("GET", "a")
    pipe.close()
    listener.close()


def test_calls_travel_together(pipe):
    """What greenlets ask in the same turn of the loop is one write: Redis sees few reads for many commands."""
    assert works(pipe)
    before = int(_info(pipe, "total_reads_processed"))
    gevent.joinall([gevent.spawn(pipe.call, "PING") for _ in range(200)], timeout=LIMIT)
    assert int(_info(pipe, "total_reads_processed")) - before < 20


def _info(pipe, field):
    lines = pipe.call("INFO", "stats").decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)[field]


def test_close_fails_who_waits(server, pipe):
    assert works(pipe)
    server.freeze()
    asking = gevent.spawn(pipe.call, "PING")
    gevent.sleep(0.05)
    pipe.close()
    gevent.joinall([asking], timeout=LIMIT)
    assert isinstance(asking.exception, Unavailable)
    server.thaw()


def test_all_scripts_compile(server):
    pipe = Pipe(server.path, "redis", SCRIPTS)
    assert works(pipe)
    assert len(pipe.call("SCRIPT", "EXISTS", *pipe._sources)) == len(SCRIPTS)
    pipe.close()
