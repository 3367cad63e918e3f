-- Take a device out of the directory, if it is still registered on that connection.
-- KEYS  1 directory of the client
-- ARGV  1 device  2 connection id
-- Returns 1 or 0.
local entry = redis.call('HGET', KEYS[1], ARGV[1])
if entry and cjson.decode(entry).connection == ARGV[2] then
    return redis.call('HDEL', KEYS[1], ARGV[1])
end
return 0
