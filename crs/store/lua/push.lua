-- Keep the push tokens of a device; those of a primary take the place of the primary's before it.
-- KEYS  1 push
-- ARGV  1 device  2 type of the device  3 tokens as JSON
-- Returns 1.
local key, device, kind, tokens = KEYS[1], unpack(ARGV)
if kind == 'primary' then
    local held = redis.call('HGETALL', key)
    for index = 1, #held, 2 do
        if cjson.decode(held[index + 1]).type == 'primary' then
            redis.call('HDEL', key, held[index])
        end
    end
end
redis.call('HSET', key, device, tokens)
return 1
