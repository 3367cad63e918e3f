-- Put a device into the directory in the place of those that it replaces.
-- KEYS  1 directory of the client
-- ARGV  1 device  2 type  3 entry as JSON
--       4 "" to register; or, to put back what was there before, the time ms of that registration
-- Returns the replaced entries in a list; or 0, and nothing is changed, when a later registration has taken the place.
local key, device, kind, entry, since = KEYS[1], unpack(ARGV)
local held = redis.call('HGETALL', key)
local replaced, fields = {}, {}
for index = 1, #held, 2 do
    local other = cjson.decode(held[index + 1])
    if held[index] == device or (kind == 'primary' and other.type == 'primary') then
        if since ~= '' and other.since > tonumber(since) then
            return 0
        end
        replaced[#replaced + 1] = held[index + 1]
        fields[#fields + 1] = held[index]
    end
end
if #fields > 0 then
    redis.call('HDEL', key, unpack(fields))
end
redis.call('HSET', key, device, entry)
return replaced
