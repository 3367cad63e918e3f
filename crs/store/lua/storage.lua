-- Store a value under a type, unless it is too much for the client's quota, or not what the client believes is there.
-- KEYS  1 storage
-- ARGV  1 type  2 id of this put  3 value  4 now ms  5 limit of bytes  6 limit of types
--       7 "1" when the value must replace a given one, else "0"  8 id of that one, or "" for none
-- Returns {1, time} when stored now or by an earlier try; {0, id held, or ""} when something else is there, also
-- under the same id;
-- {-1, bytes that all would be} when that is too much; {-2, types} when there are too many.
local key, kind, id, value, now, max_bytes, max_types, guarded, replaced = KEYS[1], unpack(ARGV)
local held = redis.call('HGET', key, kind)
local time, held_id
if held then
    time, held_id = string.match(held, '^(%d+) ([^\n]*)\n')
    if held_id == id then
        local same = held == time .. ' ' .. id .. '\n' .. value
        return same and {1, time} or {0, id}
    end
end
if guarded == '1' and (held_id or '') ~= replaced then
    return {0, held_id or ''}
end
local record = now .. ' ' .. id .. '\n' .. value
local types, bytes = held and 0 or 1, #kind + #record
for _, other in ipairs(redis.call('HKEYS', key)) do
    types = types + 1
    if other ~= kind then
        bytes = bytes + #other + redis.call('HSTRLEN', key, other)
    end
end
if bytes > tonumber(max_bytes) then
    return {-1, bytes}
elseif types > tonumber(max_types) then
    return {-2, types}
end
redis.call('HSET', key, kind, record)
return {1, now}
