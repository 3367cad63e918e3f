-- Put a device into the directory in the place of those that it replaces.
-- KEYS  1 directory of the client
-- ARGV  1 device  2 type  3 entry as JSON  4 limit of secondaries
--       5 "" to register; or, to put back what was there before, the time ms of that registration
-- Returns the replaced entries in a list; "full" when there are too many secondaries; "newer" when another
-- registration has taken its place since then (nothing is changed by these two).
local key, device, kind, entry, limit, since = KEYS[1], unpack(ARGV)
local held = redis.call('HGETALL', key)
local replaced, fields, secondaries = {}, {}, 0
for index = 1, #held, 2 do
    local other = cjson.decode(held[index + 1])
    if held[index] == device or (kind == 'primary' and other.type == 'primary') then
        if since ~= '' and other.since > tonumber(since) then
            return 'newer'
        end
        replaced[#replaced + 1] = held[index + 1]
        fields[#fields + 1] = held[index]
    elseif other.type == 'secondary' then
        secondaries = secondaries + 1
    end
end
if kind == 'secondary' and secondaries >= tonumber(limit) then
    return 'full'
end
if #fields > 0 then
    redis.call('HDEL', key, unpack(fields))
end
redis.call('HSET', key, device, entry)
return replaced
