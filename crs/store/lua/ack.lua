-- Acknowledge items of one device: each message is reported to its sender, then all leave the device's box. One step:
-- the mailboxes of both must be of this host.
-- KEYS  1 mail  2 box  3 ledger  4 devices  5 statistics  then for each message the keys of its sender, as in _store.lua
-- ARGV  1 now ms  2 prefix of the names of all boxes  3 what the ref of a message begins with  4 how many messages
--       then for each message its ref and the report, as in _store.lua  then the refs of the others
-- Returns {how many were there, what `store` returned for each message, or 0 where the device did not hold it}.
local mail, box, ledger, devices, statistics = unpack(KEYS, 1, 5)
local now, prefix, message, messages = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local boxes, some = boxes_of(devices, prefix), {box}
local answer = {0}

for index = 1, messages do
    local from = 5 + 11 * (index - 1)
    local told = 0
    if redis.call('ZSCORE', box, ARGV[from]) then
        told = store(KEYS, 6 + 8 * (index - 1), ARGV, from + 1, now)
        release(mail, ledger, boxes, some, ARGV[from], message, 'acked')
        answer[1] = answer[1] + 1
    end
    answer[#answer + 1] = told
end
for index = 5 + 11 * messages, #ARGV do
    if release(mail, ledger, boxes, some, ARGV[index], message, 'acked') then
        answer[1] = answer[1] + 1
    end
end
if answer[1] > 0 then
    looked(statistics, now)
end
return answer
