-- Read what came into a mailbox, what left it, and what it holds.
-- KEYS  1 mail  2 ledger
-- Returns {posted, received, acked, expired, purged, forwarded, held}; posted is nil where nothing was ever counted.
local answer = redis.call('HMGET', KEYS[2], 'posted', 'received', 'acked', 'expired', 'purged', 'forwarded')
answer[7] = redis.call('HLEN', KEYS[1])
return answer
