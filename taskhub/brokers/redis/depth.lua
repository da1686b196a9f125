-- depth: how many messages there are, by place.
--
-- KEYS[1] messages     HASH  id → stored bytes
-- KEYS[2] delayed      ZSET  id → due, ms, Redis's clock
-- KEYS[3] ready        ZSET  id → rank: higher priority first, then older id
--
-- Returns how many are delayed, how many are ready, and how many there are in all.

return {
  redis.call('ZCARD', KEYS[2]),
  redis.call('ZCARD', KEYS[3]),
  redis.call('HLEN', KEYS[1]),
}
