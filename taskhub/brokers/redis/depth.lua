-- depth: how many messages there are, by place.
--
-- KEYS[1] messages     HASH  id → stored message
-- KEYS[2] delayed      ZSET  id → due, ms, Redis's clock
-- KEYS[3] ready        ZSET  id → rank: higher priority first, then older id
-- KEYS[4] paused       there while nothing is to be handed out
--
-- Returns how many are delayed, how many are ready, how many there are in all, and 1 if
-- the queue is paused. A script and not a transaction, which a full Redis refuses even
-- if it only reads.

return {
  redis.call('ZCARD', KEYS[2]),
  redis.call('ZCARD', KEYS[3]),
  redis.call('HLEN', KEYS[1]),
  redis.call('EXISTS', KEYS[4]),
}
