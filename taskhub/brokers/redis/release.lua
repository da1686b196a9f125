-- release: give messages back to their former position.
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
-- ARGV[4…] ids
--
-- Returns how many were given back: only messages that the token still holds.

local max_hints = tonumber(ARGV[2])
assert(max_hints and ARGV[3], 'release: malformed arguments')

local released = 0
for id, rank in pairs(take_from(ARGV[1], { unpack(ARGV, 4) })) do
  redis.call('ZADD', KEYS[3], rank, id)
  note_return(id, ARGV[3])
  released = released + 1
end
leave_hints(released, max_hints)
return released
