-- push: take messages in, each id once.
--
-- KEYS[1] messages     HASH  id → stored message
-- KEYS[2] delayed      ZSET  id → due, ms, Redis's clock
-- KEYS[3] ready        ZSET  id → rank: higher priority first, then older id
-- KEYS[4] wake         LIST  hints for idle workers
--
-- ARGV[1] how many hints may lie in wake
-- ARGV[2] when this was sent, in ms, by the sender's clock
-- ARGV[3…] for each message: id, stored message, due in ms (0 is now)
--
-- Returns how many of the messages were new.

local per_message = 3
local most_hints = tonumber(ARGV[1])
local sent = tonumber(ARGV[2])
assert(
  most_hints and sent and (#ARGV - 2) % per_message == 0,
  'push: malformed arguments'
)
for i = 3, #ARGV, per_message do
  assert(
    string.match(ARGV[i + 1], '^%d+:[^\n]*\n') and tonumber(ARGV[i + 2]),
    'push: malformed message'
  )
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- What was long on its way may have been given up by its sender, pushed by a sweep, run,
-- and forgotten here. So its row is looked at first, as if it had been left unfinished.
local longest_way = 1000
local is_late = now - sent > longest_way

local new, awake = 0, 0
for i = 3, #ARGV, per_message do
  local id, stored, due = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  if is_late and string.match(stored, '^%d+:\n') then
    stored = come_back(stored, 'left ')
  end
  if redis.call('HSETNX', KEYS[1], id, stored) == 1 then
    new = new + 1
    if due > now then
      redis.call('ZADD', KEYS[2], due, id)
      -- Idle workers sleep until the earliest due time they know of.
      if redis.call('ZRANK', KEYS[2], id) == 0 then
        awake = awake + 1
      end
    else
      redis.call('ZADD', KEYS[3], string.match(stored, '^%d+'), id)
      awake = awake + 1
    end
  end
end

local hints = math.min(awake, most_hints - redis.call('LLEN', KEYS[4]))
for _ = 1, hints do
  redis.call('LPUSH', KEYS[4], 1)
end
return new
