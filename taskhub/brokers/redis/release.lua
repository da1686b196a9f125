-- release: give messages back to where they stood in line.
--
-- KEYS[1] ready        ZSET  id → rank: higher priority first, then older id
-- KEYS[2] held:<token> ZSET  id → the rank it had when it was ready
-- KEYS[3] wake         LIST  hints for idle workers
-- KEYS[4] returned     HASH  id → how it came back, of those that did
--
-- ARGV[1] how many hints may lie in wake
-- ARGV[2] how they come back (empty: as if they had never been handed out)
-- ARGV[3…] ids
--
-- Returns how many were given back; what the token no longer holds is left alone.

local most_hints = tonumber(ARGV[1])
assert(most_hints and ARGV[2], 'release: malformed arguments')

local released = 0
for i = 3, #ARGV do
  local id = ARGV[i]
  local rank = redis.call('ZSCORE', KEYS[2], id)
  if rank then
    redis.call('ZREM', KEYS[2], id)
    redis.call('ZADD', KEYS[1], rank, id)
    if ARGV[2] ~= '' then
      redis.call('HSET', KEYS[4], id, ARGV[2])
    end
    released = released + 1
  end
end

local hints = math.min(released, most_hints - redis.call('LLEN', KEYS[3]))
for _ = 1, hints do
  redis.call('LPUSH', KEYS[3], 1)
end
return released
