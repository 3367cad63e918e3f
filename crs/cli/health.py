"""The actions health-check system and health-check account (manual, chapter 5). Never here: what is tested."""

import json

from ..health.report import EXIT_CODES, Report
from . import known
from .output import Line, Table, Verdict

DEFAULT_FORMAT = "json"


def system(host, arguments) -> Verdict:
    """``health-check system``."""
    from ..health.system import SystemCheck

    return _verdict(SystemCheck(host).run(), arguments)


def account(host, arguments) -> Verdict:
    """``health-check account``: test clients attach at every host of the pool in turn, or at this one only."""
    from ..health.account import AccountCheck
    from ..health.system import listening
    from ..trust import months

    name, conf = known.account(host, arguments), host.conf
    addresses = [listening(conf)]
    if not arguments["--local-only"]:
        addresses = [(str(ip), conf.listen_port) for ip in conf.hosts.values()]
    check = AccountCheck(host.store, name, addresses, host.now, conf.update_grace * months.DAY)
    return _verdict(check.run(), arguments)


def _verdict(report: Report, arguments) -> Verdict:
    fields = {"result": report.result, "tests": [test._asdict() for test in report.tests]}
    form = "json" if arguments["--json"] else arguments["--output-format"] or DEFAULT_FORMAT
    shown = {
        "summary": lambda: Line(report.result, fields),
        "tsv": lambda: Table(("TEST", "RESULT", "DESCRIPTION"), [tuple(test) for test in report.tests], tabs=True),
        "json": lambda: Line(json.dumps(fields), fields),
    }[form]()
    return Verdict(shown, EXIT_CODES[report.result], form == "json")
