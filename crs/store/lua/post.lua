-- Store one item in a mailbox, a copy in each device's box, unless its ref was ever here.
-- KEYS  1 mail  2 tombs  3 ledger  4 devices  5 statistics  6 box of the primary
-- ARGV  1 ref  2 record (header, line feed, body)  3 now ms  4 expires ms  5 limit of messages  6 limit of bytes
--       7 kind: "message" counts towards the limits; "ack" adds to deliv; "expired"
--       8 prefix of the names of all boxes
-- Returns {1, now, waiting} when stored; {0, expiry of the one already known, waiting}; {-1, messages, bytes} when full.
local mail, tombs, ledger, devices, statistics, primary = unpack(KEYS)
local ref, record, now, expires, max_count, max_bytes, kind, prefix = unpack(ARGV)

local known = redis.call('ZSCORE', tombs, ref)
if known then
    return {0, known, redis.call('ZCARD', primary)}
end

if kind == 'message' then
    local held = redis.call('HMGET', ledger, 'count', 'bytes')
    local count, bytes = tonumber(held[1] or 0), tonumber(held[2] or 0)
    if count + 1 > tonumber(max_count) or bytes + #record > tonumber(max_bytes) then
        return {-1, count, bytes}
    end
    redis.call('HINCRBY', ledger, 'count', 1)
    redis.call('HINCRBY', ledger, 'bytes', #record)
elseif kind == 'ack' then
    redis.call('HINCRBY', statistics, 'deliv', 1)
end

local last = tonumber(redis.call('HGET', ledger, 'seq') or 0)
local seq = string.format('%.0f', math.max(last + 1, tonumber(now)))
redis.call('HSET', ledger, 'seq', seq)
redis.call('HSET', mail, ref, record)
redis.call('ZADD', tombs, expires, ref)
redis.call('ZADD', primary, seq, ref)
for _, device in ipairs(redis.call('HKEYS', devices)) do
    redis.call('ZADD', prefix .. device, seq, ref)
end
return {1, now, redis.call('ZCARD', primary)}
