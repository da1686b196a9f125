-- acknowledge: delete messages that are done.
--
-- KEYS[1] messages     HASH  id → stored message
-- KEYS[2] delayed      ZSET  id → due, ms, Redis's clock
-- KEYS[3] ready        ZSET  id → rank: higher priority first, then older id
-- KEYS[4] held:<token> ZSET  id → the rank it had when it was ready
-- KEYS[5] nodes        ZSET  token → lease end, ms, Redis's clock (0: being reclaimed)
--
-- ARGV[1] token
-- ARGV[2…] ids
--
-- Returns the ids that the token still held. Messages without a place are deleted, too.

local has_lease = redis.call('ZSCORE', KEYS[5], ARGV[1])
local still_held, others = {}, {}
for i = 2, #ARGV do
  local id = ARGV[i]
  if redis.call('ZREM', KEYS[4], id) == 1 and has_lease then
    redis.call('HDEL', KEYS[1], id)
    still_held[#still_held + 1] = id
  else
    others[#others + 1] = id
  end
end
for _, id in ipairs(placeless(others)) do
  redis.call('HDEL', KEYS[1], id)
end
return still_held
