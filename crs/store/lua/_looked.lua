-- Put by commands.py in front of the scripts that use it: when a client last looked into its mailbox.

-- Note it, once a second at most: each note is a write to the disk.
local function looked(statistics, now)
    local last = tonumber(redis.call('HGET', statistics, 'read') or 0)
    if tonumber(now) - last >= 1000 or tonumber(now) < last then
        redis.call('HSET', statistics, 'read', now)
    end
end

