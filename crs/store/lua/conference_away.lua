-- Note since when a member of a conference is away, or that it is back.
-- KEYS  1 conference
-- ARGV  1 member's field  2 away field  3 time ms, or "" when it is there
-- Returns 1, or 0 when there is no such member.
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then
    return 0
elseif ARGV[3] == '' then
    redis.call('HDEL', KEYS[1], ARGV[2])
else
    redis.call('HSETNX', KEYS[1], ARGV[2], ARGV[3])
end
return 1
