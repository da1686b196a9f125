-- wake: leave a hint for one who waits.
--
-- KEYS[1] wake         LIST  hints
--
-- ARGV[1] how many hints may lie in wake

local most_hints = tonumber(ARGV[1])
assert(most_hints, 'wake: malformed arguments')
if redis.call('LLEN', KEYS[1]) < most_hints then
  redis.call('LPUSH', KEYS[1], 1)
end
