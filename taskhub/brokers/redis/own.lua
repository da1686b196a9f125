-- own: check which database of results owns a queue, or become its owner.
--
-- KEYS[1] owner        STRING  the owner
-- KEYS[2] nodes        ZSET  token → lease end, ms, Redis's clock (0: being reclaimed)
--
-- ARGV[1] the caller
-- ARGV[2] 1: the caller becomes the owner, unless this returns 0; 0: only check
--
-- Returns 0 if the queue has another owner, and any token has a lease on it; else 1.

assert(ARGV[1] and ARGV[1] ~= '', 'own: malformed arguments')
local known = redis.call('GET', KEYS[1])
if known == ARGV[1] then
  return 1
end
if known then
  for _, token in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
    if is_alive(token) then
      return 0
    end
  end
end
if ARGV[2] == '1' then
  redis.call('SET', KEYS[1], ARGV[1])
end
return 1
