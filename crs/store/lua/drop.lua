-- Take items out of one device's box, or, when their time is over, out of all boxes with their tombs.
-- KEYS  1 mail  2 ledger  3 devices  4 tombs  5 firsts
-- ARGV  1 prefix of the names of all boxes  2 what the ref of a message begins with  3 device, or "" for all boxes
--       4 now ms (for all boxes; refs whose time is not over then stay)  then refs
-- Returns how many were there.
local mail, ledger, devices, tombs, firsts = unpack(KEYS)
local prefix, message, device, now = unpack(ARGV, 1, 4)
local all = boxes_of(devices, prefix)
local some = device == '' and all or {prefix .. device}
local cause = device == '' and 'expired' or 'acked'
local dropped = 0
for index = 5, #ARGV do
    local ref = ARGV[index]
    if device ~= '' or tonumber(redis.call('ZSCORE', tombs, ref) or now) <= tonumber(now) then
        if release(mail, ledger, all, some, ref, message, cause) then
            dropped = dropped + 1
        end
        if device == '' then
            redis.call('ZREM', tombs, ref)
            redis.call('HDEL', firsts, ref)
        end
    end
end
return dropped
