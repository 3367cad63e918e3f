-- Take items whose time is over out of all boxes, with their tombs.
-- KEYS  1 mail  2 ledger  3 devices  4 tombs  5 firsts
-- ARGV  1 prefix of the names of all boxes  2 what the ref of a message begins with  3 now ms; refs whose time is not over
--       then stay  then refs
-- Returns how many were there.
local mail, ledger, devices, tombs, firsts = unpack(KEYS)
local prefix, message, now = unpack(ARGV, 1, 3)
local boxes = boxes_of(devices, prefix)
local expired = 0
for index = 4, #ARGV do
    local ref = ARGV[index]
    if tonumber(redis.call('ZSCORE', tombs, ref) or now) <= tonumber(now) then
        if release(mail, ledger, boxes, boxes, ref, message, 'expired') then
            expired = expired + 1
        end
        redis.call('ZREM', tombs, ref)
        redis.call('HDEL', firsts, ref)
    end
end
return expired
