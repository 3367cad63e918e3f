-- Forget a secondary device with its box, unless it was seen after a given time.
-- KEYS  1 mail  2 ledger  3 devices
-- ARGV  1 prefix of the names of all boxes  2 what the ref of a message begins with  3 device  4 time ms
-- Returns 1 when it is gone by this, 0 when it was not known, or when it was last seen, in ms, if that is later.
local mail, ledger, devices = unpack(KEYS)
local prefix, message, device, limit = unpack(ARGV)
local seen = redis.call('HGET', devices, device)
if not seen then
    return 0
elseif tonumber(seen) > tonumber(limit) then
    return seen
end
local all = boxes_of(devices, prefix)
local box = prefix .. device
for _, ref in ipairs(redis.call('ZRANGE', box, 0, -1)) do
    release(mail, ledger, all, {box}, ref, message, 'purged')
end
redis.call('HDEL', devices, device)
return 1
