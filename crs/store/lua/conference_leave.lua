-- Take devices out of a conference; when the last one leaves, it is over.
-- KEYS  1 conference
-- ARGV  session, or "" for whichever it is; then for each device: its field, id of its join or "" for any, away field
-- Returns {how many left, field, value, ...}: the conference as it was when the last of these had left.
local key, session = KEYS[1], ARGV[1]
local left, members = 0, 0
if session == '' or redis.call('HGET', key, 'session') == session then
    for index = 2, #ARGV, 3 do
        local held = redis.call('HGET', key, ARGV[index])
        if held and (ARGV[index + 1] == '' or cjson.decode(held).id == ARGV[index + 1]) then
            redis.call('HDEL', key, ARGV[index], ARGV[index + 2])
            left = left + 1
        end
    end
end
if left > 0 then
    redis.call('HINCRBY', key, 'seq', 1)
end
local all = redis.call('HGETALL', key)
for index = 1, #all, 2 do
    if string.sub(all[index], 1, 7) == 'member ' then
        members = members + 1
    end
end
if members == 0 then
    redis.call('DEL', key)
end
table.insert(all, 1, left)
return all
