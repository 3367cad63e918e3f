-- Publish to the workers of a client's registered devices. An entry whose worker nobody hears is stale and goes.
-- KEYS  1 directory of the client
-- ARGV  1 wake-up without its first line, see wakeups.py  2 device that is left out, or ""
--       3 "all", or "some" and then the devices meant
-- Returns how many devices were reached.
local wakeup, but, which = ARGV[1], ARGV[2], ARGV[3]
local meant = {}
for index = 4, #ARGV do
    meant[ARGV[index]] = true
end
local held = redis.call('HGETALL', KEYS[1])
local reached = 0
for index = 1, #held, 2 do
    local device = held[index]
    if device ~= but and (which == 'all' or meant[device]) then
        local entry = cjson.decode(held[index + 1])
        local channel = 'wake:' .. entry.host .. ':' .. entry.worker
        if redis.call('PUBLISH', channel, entry.connection .. '\n' .. wakeup) > 0 then
            reached = reached + 1
        else
            redis.call('HDEL', KEYS[1], device)
        end
    end
end
return reached
