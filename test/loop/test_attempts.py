"""Tasks that are tried again: the first failure and the recovery are logged, and nothing in between."""

import mock

from crs import log
from crs.errors import Unavailable
from crs.loop import attempts
from crs.loop.attempts import Attempts


def told(logger) -> list[str]:
    return [f"{call[0]}: {call.args[0]}" for call in logger.method_calls]


def test_the_first_failure_in_a_row_and_the_recovery_are_logged():
    logger = mock.create_autospec(log.Log, instance=True)
    trying = Attempts(logger)
    task = mock.Mock(side_effect=[None, Unavailable("redis_low is down"), Unavailable("redis_low is down"), None, None])
    assert [trying.once("books", task) for _ in range(5)] == [True, False, False, True, True]
    assert told(logger) == ["warn: books: redis_low is down; trying again", "info: books: works again"]


def test_each_task_is_on_its_own():
    logger = mock.create_autospec(log.Log, instance=True)
    trying = Attempts(logger)
    for name in ("a", "b"):
        trying.once(name, mock.Mock(side_effect=ValueError("x")))
    trying.once("a", mock.Mock())
    assert told(logger) == [
        "warn: a: ValueError: x; trying again",
        "warn: b: ValueError: x; trying again",
        "info: a: works again",
    ]


def test_what_must_be_done_is_tried_until_it_is(monkeypatch):
    monkeypatch.setattr(attempts, "PAUSE", 0)
    task = mock.Mock(side_effect=[Unavailable("x"), Unavailable("x"), None])
    Attempts(mock.Mock()).until_done("accounts", task)
    assert task.call_count == 3
