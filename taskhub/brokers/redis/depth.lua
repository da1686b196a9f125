-- depth: count messages by place.
--
-- KEYS[1] messages     HASH  id → stored message
-- KEYS[2] delayed      ZSET  id → due, ms, Redis's clock
-- KEYS[3] ready        ZSET  id → rank: higher priority first, then older id
-- KEYS[4] nodes        ZSET  token → lease end, ms, Redis's clock (0: being reclaimed)
-- KEYS[5] paused       exists while the queue is paused
--
-- Returns how many are delayed, ready and held, how many bodies there are, 1 if the queue
-- is paused, and 1 if a delayed message is due, which the next reserve makes ready. This
-- is a script, since a full Redis refuses transactions even if they only read.

local held = 0
for _, token in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1)) do
  local key = base .. 'held:' .. token
  if redis.call('TYPE', key).ok == 'zset' then
    held = held + redis.call('ZCARD', key)
  end
end
return {
  redis.call('ZCARD', KEYS[2]),
  redis.call('ZCARD', KEYS[3]),
  held,
  redis.call('HLEN', KEYS[1]),
  redis.call('EXISTS', KEYS[5]),
  #redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now_ms(), 'LIMIT', 0, 1),
}
