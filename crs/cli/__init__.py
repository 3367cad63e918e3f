"""crs-cli: the operator's tool (manual, chapter 5).

    actions     THE TABLE: from the words of an action to its function; beside it ``options`` and ``arguments``
    usage       the usage text, made from the table, by which docopt reads a command line; the help texts
    typed       a command line that is wrong or not finished, for explanations and for ``completion``
    main        carries out one action and prints what it returns; exit codes
    host        the host that a command is about: home, configuration, store, relay
    output      what an action returns, and its forms: aligned, separated by tabs, JSON
    nagios      check_crs, a plugin around health-check

The other files have the functions of the actions, one family a file.
"""
