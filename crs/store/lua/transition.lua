-- Change a call's record if it is as the caller believes; the sequence number grows by one.
-- KEYS  1 call
-- ARGV  1 time to live ms, or 0 to leave it  2 number of allowed states  3 number of guard fields
--       then allowed states; guard field, value, ...; new field, value, ...
-- Returns {1 if it was changed else 0, field, value, ...}, or {-1} when there is no such call.
local key, keep, states, guards = KEYS[1], ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local state = redis.call('HGET', key, 'state')
if not state then
    return {-1}
end
local good = false
for index = 4, 3 + states do
    good = good or ARGV[index] == state
end
local first_new = 4 + states + 2 * guards
for index = 4 + states, first_new - 1, 2 do
    good = good and (redis.call('HGET', key, ARGV[index]) or '') == ARGV[index + 1]
end
if good then
    if ARGV[first_new] then
        redis.call('HSET', key, unpack(ARGV, first_new))
    end
    redis.call('HINCRBY', key, 'seq', 1)
    if keep ~= '0' then
        redis.call('PEXPIRE', key, keep)
    end
end
local answer = redis.call('HGETALL', key)
table.insert(answer, 1, good and 1 or 0)
return answer
