-- Read the headers of items that one device still holds.
-- KEYS  1 mail  2 box
-- ARGV  refs
-- Returns {seq, ref, header and a line feed} of each one found, in a flat list.
local mail, box = unpack(KEYS)
local answer = {}
for _, ref in ipairs(ARGV) do
    local seq = redis.call('ZSCORE', box, ref)
    if seq then
        local record = redis.call('HGET', mail, ref)
        answer[#answer + 1] = seq
        answer[#answer + 1] = ref
        answer[#answer + 1] = string.sub(record, 1, string.find(record, '\n', 1, true))
    end
end
return answer
