-- Write one of the operator's records, later than all before it, with its crypto updates if it has any.
-- KEYS  1 records of the kind  2 clock  3 crypto updates that go with the record
-- ARGV  1 element  2 value as JSON  3 host  4 now ms  5 "1" for a tombstone  then URI, crypto update, ...
-- Returns the new version.
local t = math.max(tonumber(ARGV[4]), tonumber(redis.call('HGET', KEYS[2], 't') or 0) + 1)
t = string.format('%.0f', t)
local record = '{"v":' .. ARGV[2] .. ',"t":' .. t .. ',"h":' .. cjson.encode(ARGV[3])
    .. ',"d":' .. (ARGV[5] == '1' and 'true' or 'false') .. '}'
redis.call('HSET', KEYS[1], ARGV[1], record)
redis.call('DEL', KEYS[3])
for index = 6, #ARGV, 2 do
    redis.call('HSET', KEYS[3], ARGV[index], ARGV[index + 1])
end
redis.call('HSET', KEYS[2], 't', t)
return redis.call('HINCRBY', KEYS[2], 'version', 1)
