-- Note that items were given to a device otherwise than by a fetch.
-- KEYS  1 ledger
-- ARGV  1 seq of the newest of them
-- Returns the seq up to which items had been given before; nil where the mailbox is gone.
local held = redis.call('HMGET', KEYS[1], 'shown', 'seq')
if not held[2] then
    return nil
end
local before = held[1] or '0'
if tonumber(ARGV[1]) > tonumber(before) then
    redis.call('HSET', KEYS[1], 'shown', ARGV[1])
end
return before
