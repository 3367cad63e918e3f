"""What the operator decided about clients, rooms and admins, as a worker holds it in memory.

Read from the operator's records, whole and anew, whenever they changed. Keys and connected domains: ``accounts``.
"""

from typing import NamedTuple

from ..names import Client
from ..store.operator import STATISTICS, UPDATE_NOTIFICATION, Admin, Operator


class Rules(NamedTuple):
    """Empty: nobody is blocked, nothing is enabled, there are no rooms and no admins."""

    blocked: frozenset[Client] = frozenset()  # the blacklist
    statistics: frozenset[str] = frozenset()  # accounts for which they are collected
    notified: frozenset[str] = frozenset()  # accounts whose clients hear of crypto updates at once
    rooms: dict[tuple[str, str], Client] = {}  # conference rooms: (number, account) -> owner
    admins: dict[str, Admin] = {}  # by name
    access: dict[str, dict[str, frozenset[str]]] = {}  # admin -> account -> authorizations

    @classmethod
    def read(cls, operator: Operator) -> "Rules":
        """Raises Unavailable."""
        return cls(
            blocked=frozenset(operator.blocked()),
            statistics=frozenset(operator.switched_on(STATISTICS)),
            notified=frozenset(operator.switched_on(UPDATE_NOTIFICATION)),
            rooms={(number, owner.account): owner for number, owner in reversed(operator.rooms())},
            admins=operator.admins(),
            access=operator.access(),
        )

    def may(self, admin: str, account: str, authorization: str) -> bool:
        """Whether an admin was given an authorization for an account."""
        return authorization in self.access.get(admin, {}).get(account, ())


NO_RULES = Rules()
