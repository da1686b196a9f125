-- push: store messages, each id once.
--
-- KEYS[1] messages     HASH  id → stored message
-- KEYS[2] delayed      ZSET  id → due, ms, Redis's clock
-- KEYS[3] ready        ZSET  id → rank: higher priority first, then older id
-- KEYS[4] nodes        ZSET  token → lease end, ms, Redis's clock (0: being reclaimed)
-- KEYS[5] wake         LIST  hints for idle workers
--
-- ARGV[1] how many hints wake may have
-- ARGV[2] when this was sent, in ms, by the sender's clock
-- ARGV[3…] for each message: id, stored message, due in ms (0 is now)
--
-- Returns how many of the messages were missing, and have a place now.

local per_message = 3
local max_hints = tonumber(ARGV[1])
local sent = tonumber(ARGV[2])
assert(
  max_hints and sent and (#ARGV - 2) % per_message == 0,
  'push: malformed arguments'
)
for i = 3, #ARGV, per_message do
  assert(
    string.match(ARGV[i + 1], '^%d+:[^\n]*\n') and tonumber(ARGV[i + 2]),
    'push: malformed message'
  )
end

local now = now_ms()
-- If a message was long in transit, the sender may have stopped waiting for the reply. A
-- sweep may then have pushed the same message, and it may have been run and deleted here.
-- So the message is marked as left unfinished, and a worker checks its row first.
local max_transit_ms = 1000
local is_late = now - sent > max_transit_ms

-- Doubtful messages, which Redis may have already: sent again, or long in transit.
local doubtful, missing = {}, {}
for i = 3, #ARGV, per_message do
  if is_late or not string.match(ARGV[i + 1], '^%d+:\n') then
    doubtful[#doubtful + 1] = ARGV[i]
  end
end
for _, id in ipairs(missing_among(doubtful)) do
  missing[id] = true
end
for _, id in ipairs(doubtful) do
  doubtful[id] = true
end

-- Store a message if it is missing. Return whether it was.
local function store(id, stored)
  if not doubtful[id] and redis.call('HSETNX', KEYS[1], id, stored) == 1 then
    return true
  end
  if not missing[id] and (doubtful[id] or #missing_among({ id }) == 0) then
    return false
  end
  missing[id] = nil
  if string.match(stored, '^%d+:\n') then
    stored = come_back(stored, 'left ')
  end
  redis.call('HSET', KEYS[1], id, stored)
  redis.call('ZREM', KEYS[2], id)
  redis.call('ZREM', KEYS[3], id)
  return true
end

local new, awake = 0, 0
for i = 3, #ARGV, per_message do
  local id, stored, due = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  if store(id, stored) then
    new = new + 1
    if due > now then
      redis.call('ZADD', KEYS[2], due, id)
      -- Idle workers sleep until the earliest due time they know of.
      if redis.call('ZRANK', KEYS[2], id) == 0 then
        awake = awake + 1
      end
    else
      redis.call('ZADD', KEYS[3], rank_of(stored), id)
      awake = awake + 1
    end
  end
end
leave_hints(awake, max_hints)
return new
