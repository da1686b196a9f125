-- heartbeat: begin or extend leases.
--
-- KEYS[1] nodes        ZSET  token → lease end, ms, Redis's clock (0: being reclaimed)
--
-- ARGV[1] length of the lease in ms
-- ARGV[2] whether tokens may be new (1), or must have a lease (0)
-- ARGV[3…] tokens
--
-- Returns the tokens that must have a lease and have none.

local lease = tonumber(ARGV[1])
assert(lease and lease > 0 and lease <= MAX_LEASE_MS, 'heartbeat: malformed lease')

local lease_end = now_ms() + lease

-- A full Redis refuses commands that need memory, unless the script has written before.
-- This command changes nothing, and allows extending leases.
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
