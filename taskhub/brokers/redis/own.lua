-- own: whose queue this is: which database the results of its messages are in.
--
-- KEYS[1] owner        STRING  whose it is
-- KEYS[2] nodes        ZSET  token → lease end, ms, Redis's clock (0: being reclaimed)
--
-- ARGV[1] who asks
-- ARGV[2] whether it is who asks' from now on, if nobody else is at work on it: 1 or 0
--
-- Returns 0 if it is another's, and somebody is at work on it; else 1.

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
