-- release: give messages back to where they stood in line.
--
-- KEYS[1] messages     HASH  id → stored message
-- KEYS[2] ready        ZSET  id → rank: higher priority first, then older id
-- KEYS[3] held:<token> ZSET  id → the rank it had when it was ready
-- KEYS[4] wake         LIST  hints for idle workers
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
  local rank = redis.call('ZSCORE', KEYS[3], id)
  if rank then
    redis.call('ZREM', KEYS[3], id)
    redis.call('ZADD', KEYS[2], rank, id)
    local stored = ARGV[2] ~= '' and redis.call('HGET', KEYS[1], id)
    if stored then
      redis.call('HSET', KEYS[1], id, come_back(stored, ARGV[2]))
    end
    released = released + 1
  end
end

local hints = math.min(released, most_hints - redis.call('LLEN', KEYS[4]))
for _ = 1, hints do
  redis.call('LPUSH', KEYS[4], 1)
end
return released
