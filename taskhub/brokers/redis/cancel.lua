-- cancel: delete messages that no token holds.
--
-- KEYS[1] messages     HASH  id → stored message
-- KEYS[2] delayed      ZSET  id → due, ms, Redis's clock
-- KEYS[3] ready        ZSET  id → rank: higher priority first, then older id
--
-- ARGV    ids
--
-- Returns the ids that were deleted.

local cancelled = {}
for _, id in ipairs(ARGV) do
  if redis.call('ZREM', KEYS[2], id) + redis.call('ZREM', KEYS[3], id) > 0 then
    redis.call('HDEL', KEYS[1], id)
    cancelled[#cancelled + 1] = id
  end
end
return cancelled
