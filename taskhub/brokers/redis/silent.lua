-- silent: which leases have ended.
--
-- KEYS[1] nodes        ZSET  token → lease end, ms, Redis's clock (0: being reclaimed)
--
-- Returns the tokens.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)
