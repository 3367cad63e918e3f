-- What a client stores, without the values.
-- KEYS  1 storage
-- Returns {type, when it was stored, bytes of the value, ...}.
local found = {}
for _, kind in ipairs(redis.call('HKEYS', KEYS[1])) do
    local record = redis.call('HGET', KEYS[1], kind)
    found[#found + 1] = kind
    found[#found + 1] = string.match(record, '^%d+')
    found[#found + 1] = #record - string.find(record, '\n', 1, true)
end
return found
