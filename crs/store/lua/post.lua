-- Store one item in a mailbox: see _store.lua.
-- KEYS  1 mail  2 tombs  3 ledger  4 devices  5 statistics  6 box of the primary  7 firsts  8 due list
-- ARGV  1 now ms  then the item
-- Returns what `store` does.
return store(KEYS, 1, ARGV, 2, ARGV[1])
