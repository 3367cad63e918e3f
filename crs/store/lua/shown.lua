-- Note that an item was given to a device otherwise than by a fetch.
-- KEYS  1 ledger
-- ARGV  1 seq of the item
-- Returns 1 where neither it nor an item behind it was given before, else 0; also 0 where the mailbox is gone.
local held = redis.call('HMGET', KEYS[1], 'shown', 'seq')
if not held[2] or tonumber(ARGV[1]) <= tonumber(held[1] or 0) then
    return 0
end
redis.call('HSET', KEYS[1], 'shown', ARGV[1])
return 1
