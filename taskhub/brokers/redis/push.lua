-- push: take messages in, each id once.
--
-- KEYS[1] messages     HASH  id → rank, colon, body
-- KEYS[2] delayed      ZSET  id → due, ms, Redis's clock
-- KEYS[3] ready        ZSET  id → rank: higher priority first, then older id
-- KEYS[4] wake         LIST  hints for idle workers
-- KEYS[5] returned     HASH  id → how it came back, of those that did
--
-- ARGV[1] how many hints may lie in wake
-- ARGV[2…] for each message: id, stored bytes, due in ms (0 is now), how it came back
--         (empty: it never did)
--
-- Returns how many of the messages were new.

local per_message = 4
local most_hints = tonumber(ARGV[1])
assert(most_hints and (#ARGV - 1) % per_message == 0, 'push: malformed arguments')
for i = 2, #ARGV, per_message do
  assert(
    string.match(ARGV[i + 1], '^%d+:') and tonumber(ARGV[i + 2]),
    'push: malformed message'
  )
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local new, awake = 0, 0
for i = 2, #ARGV, per_message do
  local id, stored, due = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  if redis.call('HSETNX', KEYS[1], id, stored) == 1 then
    new = new + 1
    if ARGV[i + 3] ~= '' then
      redis.call('HSET', KEYS[5], id, ARGV[i + 3])
    end
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
