-- reclaim: take back what a dead token held, a batch at a time.
--
-- KEYS[1] messages     HASH  id → stored message
-- KEYS[2] ready        ZSET  id → rank: higher priority first, then older id
-- KEYS[3] held:<token> ZSET  id → the rank it had when it was ready
-- KEYS[4] nodes        ZSET  token → lease end, ms, Redis's clock (0: being reclaimed)
-- KEYS[5] wake         LIST  hints for idle workers
--
-- ARGV[1] token
-- ARGV[2] how many messages at most
-- ARGV[3] how many hints may lie in wake
-- ARGV[4] whether the token is known to be gone (1), or only if its lease ended (0)
-- ARGV[5] how they come back
--
-- Returns how many messages were taken back; fewer than the limit means all. With the
-- first batch the lease ends for good, so that a token which was not so dead after all
-- reserves no more; with the last batch the token is forgotten.

local limit, most_hints = tonumber(ARGV[2]), tonumber(ARGV[3])
assert(limit and limit >= 1 and most_hints and ARGV[5], 'reclaim: malformed arguments')

if ARGV[4] ~= '1' then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local lease_end = redis.call('ZSCORE', KEYS[4], ARGV[1])
  -- It may have sent a heartbeat since it was found to be silent.
  if lease_end and tonumber(lease_end) > now then
    return 0
  end
end

local held = redis.call('ZPOPMIN', KEYS[3], limit)
for i = 1, #held, 2 do
  redis.call('ZADD', KEYS[2], held[i + 1], held[i])
  local stored = redis.call('HGET', KEYS[1], held[i])
  if stored then
    redis.call('HSET', KEYS[1], held[i], come_back(stored, ARGV[5]))
  end
end
if #held / 2 < limit then
  redis.call('ZREM', KEYS[4], ARGV[1])
else
  redis.call('ZADD', KEYS[4], 0, ARGV[1])
end

local hints = math.min(#held / 2, most_hints - redis.call('LLEN', KEYS[5]))
for _ = 1, hints do
  redis.call('LPUSH', KEYS[5], 1)
end
return #held / 2
