-- acknowledge: forget messages that are done.
--
-- KEYS[1] messages     HASH  id → stored message
-- KEYS[2] held:<token> ZSET  id → the rank it had when it was ready
--
-- ARGV    ids
--
-- Returns the ids that the token still held; the others belong to somebody else now,
-- and are left alone.

local still_held = {}
for _, id in ipairs(ARGV) do
  if redis.call('ZREM', KEYS[2], id) == 1 then
    redis.call('HDEL', KEYS[1], id)
    still_held[#still_held + 1] = id
  end
end
return still_held
