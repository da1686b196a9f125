-- postpone: give messages back, each with a new due time.
--
-- KEYS[1] messages     HASH  id → stored message
-- KEYS[2] delayed      ZSET  id → due, ms, Redis's clock
-- KEYS[3] ready        ZSET  id → rank: higher priority first, then older id
-- KEYS[4] held:<token> ZSET  id → the rank it had when it was ready
-- KEYS[5] nodes        ZSET  token → lease end, ms, Redis's clock (0: being reclaimed)
-- KEYS[6] wake         LIST  hints for idle workers
--
-- ARGV[1] token
-- ARGV[2] how many hints wake may have
-- ARGV[3] how the messages come back (empty: as if they had never been handed out)
-- ARGV[4…] for each message: id, in how many ms it is due
--
-- Returns how many were postponed: only messages that the token still holds.

local max_hints = tonumber(ARGV[2])
assert(max_hints and ARGV[3] and #ARGV % 2 == 1, 'postpone: malformed arguments')
local ids, pauses = {}, {}
for i = 4, #ARGV, 2 do
  ids[#ids + 1] = ARGV[i]
  pauses[ARGV[i]] = tonumber(ARGV[i + 1])
  assert(pauses[ARGV[i]], 'postpone: malformed due time')
end

local now = now_ms()
local postponed, awake = 0, 0
for id in pairs(take_from(ARGV[1], ids)) do
  redis.call('ZADD', KEYS[2], now + pauses[id], id)
  note_return(id, ARGV[3])
  -- Idle workers sleep until the earliest due time that they know.
  if redis.call('ZRANK', KEYS[2], id) == 0 then
    awake = awake + 1
  end
  postponed = postponed + 1
end
leave_hints(awake, max_hints)
return postponed
