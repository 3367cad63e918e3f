"""The actions health-check system and health-check account (manual, chapter 5); the tests are in ``crs.health``."""

from ..health.report import EXIT_CODES, HealthReport
from . import known
from .actions import Arguments
from .host import LocalHost
from .output import Line, ResultTable, Verdict

DEFAULT_FORMAT = "json"


def system(host: LocalHost, arguments: Arguments) -> Verdict:
    """``health-check system``."""
    from ..health.system import SystemCheck

    return _verdict(SystemCheck(host).run(), arguments)


def account(host: LocalHost, arguments: Arguments) -> Verdict:
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


def _verdict(report: HealthReport, arguments: Arguments) -> Verdict:
    fields = {"result": report.result, "tests": [test._asdict() for test in report.tests]}
    form = "json" if arguments["--json"] else arguments["--output-format"] or DEFAULT_FORMAT
    shown: Line | ResultTable = Line(report.result, fields)
    if form == "tsv":
        shown = ResultTable(("TEST", "RESULT", "DESCRIPTION"), report.tests, tabs=True)
    return Verdict(shown, EXIT_CODES[report.result], form == "json")
