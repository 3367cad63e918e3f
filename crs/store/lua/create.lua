-- Make the record of a call, unless there is one.
-- KEYS  1 call
-- ARGV  1 time to live ms, or 0 for a call that has not ended  then field, value, ...
-- Returns {1 if it is new else 0, field, value, ...}.
local is_new = redis.call('EXISTS', KEYS[1]) == 0
if is_new then
    redis.call('HSET', KEYS[1], unpack(ARGV, 2))
    if ARGV[1] ~= '0' then
        redis.call('PEXPIRE', KEYS[1], ARGV[1])
    end
end
local answer = redis.call('HGETALL', KEYS[1])
table.insert(answer, 1, is_new and 1 or 0)
return answer
