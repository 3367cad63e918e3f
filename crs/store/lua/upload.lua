-- Keep one part of a file that is sent in parts; a file of another id takes the place of the file before.
-- KEYS  1 upload
-- ARGV  1 id  2 number  3 part  4 time to live ms
-- Returns 1.
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then
    redis.call('DEL', KEYS[1])
    redis.call('HSET', KEYS[1], 'id', ARGV[1])
end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
