-- Put a device into a conference; the first one begins it.
-- KEYS  1 conference
-- ARGV  1 member's field  2 id of this join  3 member as JSON  4 session of a conference that begins  5 now ms
--       6 limit of members  7 field that says since when the member is away
-- Returns {1 if the device was not there, 2 if it had joined under another id, 0 if under this one (nothing changes),
-- field, value, ...}; or {-1} when the conference is full.
local key, field, id, member, session, now, limit, away = KEYS[1], unpack(ARGV)
local answer = 1
local held = redis.call('HGET', key, field)
if held then
    answer = cjson.decode(held).id == id and 0 or 2
else
    local members = 0
    for _, name in ipairs(redis.call('HKEYS', key)) do
        if string.sub(name, 1, 7) == 'member ' then
            members = members + 1
        end
    end
    if members >= tonumber(limit) then
        return {-1}
    end
end
if answer > 0 then
    if redis.call('HSETNX', key, 'session', session) == 1 then
        redis.call('HSET', key, 'seq', 0, 'created', now)
    end
    redis.call('HSET', key, field, member)
    redis.call('HINCRBY', key, 'seq', 1)
end
redis.call('HDEL', key, away)
local all = redis.call('HGETALL', key)
table.insert(all, 1, answer)
return all
