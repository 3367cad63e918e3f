-- Put by commands.py in front of the scripts that use it: what deletes items of a mailbox.

-- All boxes of a mailbox.
local function boxes_of(devices, prefix)
    local boxes = {prefix .. 'primary'}
    for _, device in ipairs(redis.call('HKEYS', devices)) do
        boxes[#boxes + 1] = prefix .. device
    end
    return boxes
end

-- Take a ref out of some boxes; the item is deleted when none of `all` holds it any more, and the ledger counts it under
-- `cause`. Returns whether it was there.
local function release(mail, ledger, all, some, ref, message, cause)
    local here = 0
    for _, box in ipairs(some) do
        here = here + redis.call('ZREM', box, ref)
    end
    if here == 0 then
        return false
    end
    for _, box in ipairs(all) do
        if redis.call('ZSCORE', box, ref) then
            return true
        end
    end
    if string.sub(ref, 1, #message) == message then
        redis.call('HINCRBY', ledger, 'count', -1)
        redis.call('HINCRBY', ledger, 'bytes', -redis.call('HSTRLEN', mail, ref))
    end
    redis.call('HINCRBY', ledger, cause, redis.call('HDEL', mail, ref))
    return true
end

