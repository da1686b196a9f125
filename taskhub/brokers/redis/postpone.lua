-- postpone: give messages back to be handed out no earlier than they are due again.
--
-- KEYS[1] messages     HASH  id → stored message
-- KEYS[2] delayed      ZSET  id → due, ms, Redis's clock
-- KEYS[3] held:<token> ZSET  id → the rank it had when it was ready
-- KEYS[4] wake         LIST  hints for idle workers
--
-- ARGV[1] how many hints may lie in wake
-- ARGV[2] how they come back (empty: as if they had never been handed out)
-- ARGV[3…] for each message: id, in how many ms it is due
--
-- Returns how many were postponed; what the token no longer holds is left alone.

local most_hints = tonumber(ARGV[1])
assert(most_hints and ARGV[2] and #ARGV % 2 == 0, 'postpone: malformed arguments')
for i = 4, #ARGV, 2 do
  assert(tonumber(ARGV[i]), 'postpone: malformed due time')
end

-- By this clock alone: those of workers may differ.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local postponed, awake = 0, 0
for i = 3, #ARGV, 2 do
  local id = ARGV[i]
  if redis.call('ZREM', KEYS[3], id) == 1 then
    redis.call('ZADD', KEYS[2], now + ARGV[i + 1], id)
    local stored = ARGV[2] ~= '' and redis.call('HGET', KEYS[1], id)
    if stored then
      redis.call('HSET', KEYS[1], id, come_back(stored, ARGV[2]))
    end
    -- Idle workers sleep until the earliest due time they know of.
    if redis.call('ZRANK', KEYS[2], id) == 0 then
      awake = awake + 1
    end
    postponed = postponed + 1
  end
end

local hints = math.min(awake, most_hints - redis.call('LLEN', KEYS[4]))
for _ = 1, hints do
  redis.call('LPUSH', KEYS[4], 1)
end
return postponed
