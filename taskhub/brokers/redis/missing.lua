-- missing: which of these messages are not here, in any place.
--
-- KEYS[1] messages     HASH  id → stored message
--
-- ARGV    ids
--
-- Returns the ids that are not.

local missing = {}
for _, id in ipairs(ARGV) do
  if redis.call('HEXISTS', KEYS[1], id) == 0 then
    missing[#missing + 1] = id
  end
end
return missing
