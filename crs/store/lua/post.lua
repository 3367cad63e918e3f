-- Store one item in a mailbox, a copy in each device's box, unless its ref was ever here.
-- KEYS  1 mail  2 tombs  3 ledger  4 devices  5 statistics  6 box of the primary  7 firsts
-- ARGV  1 ref  2 record (header, line feed, body)  3 now ms  4 expires ms  5 limit of messages  6 limit of bytes
--       7 kind: "message" counts towards the limits; "ack" adds to deliv; "expired"
--       8 prefix of the names of all boxes  9 digest of what is stored
-- Returns {1, time and digest, waiting} when stored; {0, time and digest of the one already known, waiting};
-- {-1, "", 0} when full.
local mail, tombs, ledger, devices, statistics, primary, firsts = unpack(KEYS)
local ref, record, now, expires, max_count, max_bytes, kind, prefix, digest = unpack(ARGV)

local known = redis.call('HGET', firsts, ref)
if known then
    return {0, known, redis.call('ZCARD', primary)}
end

local held = redis.call('HMGET', ledger, 'seq', 'count', 'bytes', 'posted')
local posted = held[4] or 0
if not held[4] then    -- a mailbox from before this was counted
    posted = redis.call('HLEN', mail)
    for _, left in ipairs(redis.call('HMGET', ledger, 'acked', 'expired', 'purged', 'forwarded')) do
        posted = posted + (left or 0)
    end
end
posted = posted + 1
local seq = string.format('%.0f', math.max(tonumber(held[1] or 0) + 1, tonumber(now)))
if kind == 'message' then
    local count, bytes = tonumber(held[2] or 0) + 1, tonumber(held[3] or 0) + #record
    if count > tonumber(max_count) or bytes > tonumber(max_bytes) then
        return {-1, '', 0}
    end
    redis.call('HSET', ledger, 'seq', seq, 'count', count, 'bytes', bytes, 'posted', posted)
else
    redis.call('HSET', ledger, 'seq', seq, 'posted', posted)
    if kind == 'ack' then
        redis.call('HINCRBY', statistics, 'deliv', 1)
    end
end

redis.call('HSET', mail, ref, record)
redis.call('ZADD', tombs, expires, ref)
local first = now .. ' ' .. digest
redis.call('HSET', firsts, ref, first)
redis.call('ZADD', primary, seq, ref)
for _, device in ipairs(redis.call('HKEYS', devices)) do
    redis.call('ZADD', prefix .. device, seq, ref)
end
return {1, first, redis.call('ZCARD', primary)}
