"""Health checks: what ``crs-cli health-check`` tries, and what came of each test (manual, chapter 5).

    report      a test has a name, a result and a description; all of them have a result together
    system      processes, Redis, relay, ports, disk, links, ledger of this host
    account     update files, and two test clients of an account: attach, call with media, message
    visitor     one test client
    media       packets through the relay, from one leg of a call to the other

Words of a command line and forms of output are in ``cli``. Nothing here changes what real clients have.
"""
