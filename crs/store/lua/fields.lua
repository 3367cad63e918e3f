-- Some fields of a hash, without the values that HSCAN alone would send.
-- KEYS  1 hash
-- ARGV  1 cursor  2 about how many
-- Returns {next cursor, {field, ...}}.
local cursor, flat = unpack(redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2]))
local fields = {}
for at = 1, #flat, 2 do
    fields[#fields + 1] = flat[at]
end
return {cursor, fields}
