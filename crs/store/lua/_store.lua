-- Put by commands.py in front of the scripts that use it: what stores an item in a mailbox.

-- Store one item, a copy in each device's box, unless its ref was ever here. Its deadline goes with it.
-- keys  those from `at` on: mail, tombs, ledger, devices, statistics, box of the primary, firsts, due list
-- item  from `from` on: ref, record (header, line feed, body), expires ms, limit of messages, limit of bytes, kind
--       ("message" counts towards the limits; "ack" adds to deliv; "expired"), prefix of the names of all boxes, digest
--       of what is stored, time and member of the entry in the due list
-- Returns {1, time and digest, waiting, seq, seq before} when stored; {0, time and digest of the one already known,
-- waiting, "", ""}; {-1, "", 0, "", ""} when full.
local function store(keys, at, item, from, now)
    local mail, tombs, ledger, devices, statistics, primary, firsts, due = unpack(keys, at, at + 7)
    local ref, record, expires, max_count, max_bytes, kind, prefix, digest, look, entry = unpack(item, from, from + 9)
    local known = redis.call('HGET', firsts, ref)
    if known then
        return {0, known, redis.call('ZCARD', primary), '', ''}
    end

    local held = redis.call('HMGET', ledger, 'seq', 'count', 'bytes', 'posted')
    local posted = held[4] or 0
    if not held[4] then    -- the mailbox is older than this figure
        posted = redis.call('HLEN', mail)
        for _, left in ipairs(redis.call('HMGET', ledger, 'acked', 'expired', 'purged', 'forwarded')) do
            posted = posted + (left or 0)
        end
    end
    posted = posted + 1
    local before = held[1] or '0'
    local seq = string.format('%.0f', math.max(tonumber(before) + 1, tonumber(now)))
    if kind == 'message' then
        local count, bytes = tonumber(held[2] or 0) + 1, tonumber(held[3] or 0) + #record
        if count > tonumber(max_count) or bytes > tonumber(max_bytes) then
            return {-1, '', 0, '', ''}
        end
        redis.call('HSET', ledger, 'seq', seq, 'count', count, 'bytes', bytes, 'posted', posted)
    else
        redis.call('HSET', ledger, 'seq', seq, 'posted', posted)
        if kind == 'ack' then
            redis.call('HINCRBY', statistics, 'deliv', 1)
        end
    end

    redis.call('ZADD', due, look, entry)
    redis.call('HSET', mail, ref, record)
    redis.call('ZADD', tombs, expires, ref)
    local first = now .. ' ' .. digest
    redis.call('HSET', firsts, ref, first)
    redis.call('ZADD', primary, seq, ref)
    for _, device in ipairs(redis.call('HKEYS', devices)) do
        redis.call('ZADD', prefix .. device, seq, ref)
    end
    return {1, first, redis.call('ZCARD', primary), seq, before}
end

