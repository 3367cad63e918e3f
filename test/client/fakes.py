"""In place of a ClientConnection: answers and notifications as a test wants them, and what was asked, in order."""

import gevent

from crs.wire.vocabulary import FoundObject, KeepAlive, Params, Registered
from test.trust.people import NOW


class FakeClient:
    """``answers``: method -> a result, an exception, or a function of the parameters; a list gives them in turn."""

    def __init__(self, **answers):
        self.answers = {name.replace("_", "."): answer for name, answer in answers.items()}
        self.asked: list[tuple[str, Params]] = []
        self._hearers: dict[str, list] = {}

    def hear(self, method, hearer):
        self._hearers.setdefault(method, []).append(hearer)

    def tell(self, method, params):
        for hearer in self._hearers.get(method, ()):
            hearer(params)

    def call(self, method, params=None, result=None, timeout=30.0):
        self.asked.append((method, params))
        gevent.sleep(0)
        answer = self.answers[method]
        if isinstance(answer, list):
            answer = answer.pop(0)
        if callable(answer):
            answer = answer(params)
        if isinstance(answer, Exception):
            raise answer
        assert result is None or isinstance(answer, result), (method, answer)
        return answer

    def methods(self) -> list[str]:
        return [method for method, _ in self.asked]

    def params(self, method) -> list:
        return [params for asked, params in self.asked if asked == method]


def registered(waiting=0, sessions=(), updates=()) -> Registered:
    return Registered(
        "+46701234567",
        "acme",
        "crs1",
        "attach:0",
        "0.1.1",
        NOW,
        KeepAlive("ws", 1_230_000),
        waiting,
        list(sessions),
        list(updates),
    )


def directory(*credentials):
    """An answer to object.lookup that knows these clients and the tokens of their first month."""
    known = {holder.uri: holder for holder in credentials}

    def lookup(params):
        holder = known[params.uri]
        keys = next(iter(holder.months.values()))
        return FoundObject(holder.uri, holder.account, keys.token, keys.domain_token, NOW)

    return lookup
