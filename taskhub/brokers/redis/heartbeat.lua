-- heartbeat: begin leases, or move their end on.
--
-- KEYS[1] nodes        ZSET  token → lease end, ms, Redis's clock (0: being reclaimed)
--
-- ARGV[1] length of the lease in ms
-- ARGV[2] whether tokens may be new (1), or are to be known (0)
-- ARGV[3…] tokens
--
-- Returns the tokens that were to be known and are not: their leases have ended.

local lease = tonumber(ARGV[1])
assert(lease and lease > 0 and lease <= MAX_LEASE_MS, 'heartbeat: malformed lease')

local lease_end = now_ms() + lease

-- Where Redis is full it refuses commands that need memory, unless the script has written
-- before: this changes nothing, and lets leases be kept in a full Redis.
redis.call('ZREM', KEYS[1], '')

local lost = {}
for i = 3, #ARGV do
  local known = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[i]) or 0) > 0
  if known or ARGV[2] == '1' then
    redis.call('ZADD', KEYS[1], lease_end, ARGV[i])
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
