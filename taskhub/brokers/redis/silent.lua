-- silent: list the tokens whose lease has ended.
--
-- KEYS[1] nodes        ZSET  token → lease end, ms, Redis's clock (0: being reclaimed)
--
-- Returns the tokens.

local silent = {}
for _, token in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if not is_alive(token) then
    silent[#silent + 1] = token
  end
end
return silent
