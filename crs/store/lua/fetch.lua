-- Read items of one device's box in order, and note that the client looked.
-- KEYS  1 mail  2 box  3 ledger  4 statistics
-- ARGV  1 after (seq)  2 limit of items  3 limit of bytes (one item is given even if it is longer)  4 now ms
-- Returns {1 if there are more else 0, highest seq shown before, newest seq, then seq, ref, record of each item}.
local mail, box, ledger, statistics = unpack(KEYS)
local after, limit, max_bytes, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]

looked(statistics, now)

local found = redis.call('ZRANGEBYSCORE', box, '(' .. after, '+inf', 'WITHSCORES', 'LIMIT', 0, limit + 1)
local held = redis.call('HMGET', ledger, 'shown', 'seq')
local shown = held[1] or '0'
local answer = {0, shown, held[2] or '0'}
local bytes = 0
local newest
for index = 1, #found, 2 do
    local record = redis.call('HGET', mail, found[index])
    bytes = bytes + #record
    if index > 2 * limit or (index > 1 and bytes > max_bytes) then
        answer[1] = 1
        break
    end
    newest = found[index + 1]
    answer[#answer + 1] = newest
    answer[#answer + 1] = found[index]
    answer[#answer + 1] = record
end
if newest and tonumber(newest) > tonumber(shown) then
    redis.call('HSET', ledger, 'shown', newest)
end
return answer
