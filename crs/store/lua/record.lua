-- Write a record, later than all before it, with the hash that belongs to it if it has one.
-- KEYS  1 records of the kind  2 clock  3 the hash, if any
-- ARGV  1 element  2 value as JSON  3 host  4 now ms  5 "1" for a tombstone  then field, value, ... of the hash
-- Returns the new version.
local t = math.max(tonumber(ARGV[4]), tonumber(redis.call('HGET', KEYS[2], 't') or 0) + 1)
t = string.format('%.0f', t)
local record = '{"v":' .. ARGV[2] .. ',"t":' .. t .. ',"h":' .. cjson.encode(ARGV[3])
    .. ',"d":' .. (ARGV[5] == '1' and 'true' or 'false') .. '}'
redis.call('HSET', KEYS[1], ARGV[1], record)
if KEYS[3] then
    redis.call('DEL', KEYS[3])
end
for index = 6, #ARGV, 2 do
    redis.call('HSET', KEYS[3], ARGV[index], ARGV[index + 1])
end
redis.call('HSET', KEYS[2], 't', t)
return redis.call('HINCRBY', KEYS[2], 'version', 1)
