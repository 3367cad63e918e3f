-- Find items whose time is over, and forget the tombs of those that were deleted long ago.
-- KEYS  1 mail  2 tombs  3 firsts
-- ARGV  1 now ms  2 limit
-- Returns {seq (always 0), ref, header and a line feed} of each item, in a flat list; empty when there is none left.
local mail, tombs, firsts = unpack(KEYS)
local answer = {}
repeat
    local refs = redis.call('ZRANGEBYSCORE', tombs, '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
    for _, ref in ipairs(refs) do
        local record = redis.call('HGET', mail, ref)
        if record then
            answer[#answer + 1] = '0'
            answer[#answer + 1] = ref
            answer[#answer + 1] = string.sub(record, 1, string.find(record, '\n', 1, true))
        else
            redis.call('ZREM', tombs, ref)
            redis.call('HDEL', firsts, ref)
        end
    end
until #answer > 0 or #refs == 0
return answer
