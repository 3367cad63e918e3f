-- Note that a device was seen; give a secondary that is new here a box of its own.
-- KEYS  1 devices
-- ARGV  1 device  2 now ms  3 limit of secondaries
-- Returns 1, or 0 when there are too many others.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then
    return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
