-- wake: leave a hint for one idle worker.
--
-- KEYS[1] wake         LIST  hints
--
-- ARGV[1] how many hints wake may have

local max_hints = tonumber(ARGV[1])
assert(max_hints, 'wake: malformed arguments')
if redis.call('LLEN', KEYS[1]) < max_hints then
  redis.call('LPUSH', KEYS[1], 1)
end
