"""crs-cli: the operator's tool (manual, chapter 5).

``actions`` is the table from words to functions, ``usage`` makes every text from it and reads the command line, one
file a family carries out the actions on a ``host``, ``output`` prints what they return, ``main`` ties it together.
"""
