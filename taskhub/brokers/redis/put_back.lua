-- put_back: make astray messages ready.
--
-- KEYS[1] messages     HASH  id → stored message
-- KEYS[2] delayed      ZSET  id → due, ms, Redis's clock
-- KEYS[3] ready        ZSET  id → rank: higher priority first, then older id
-- KEYS[4] nodes        ZSET  token → lease end, ms, Redis's clock (0: being reclaimed)
-- KEYS[5] wake         LIST  hints for idle workers
--
-- ARGV[1] how many hints wake may have
-- ARGV[2] how the messages come back; not stored for a message that came back before
-- ARGV[3…] ids
--
-- Returns how many were astray. They may have been started: workers check their rows.

local max_hints = tonumber(ARGV[1])
assert(max_hints and ARGV[2], 'put_back: malformed arguments')

local count = 0
for _, id in ipairs(placeless({ unpack(ARGV, 3) })) do
  local stored = redis.call('HGET', KEYS[1], id)
  if stored then
    redis.call('ZADD', KEYS[3], rank_of(stored), id)
    if string.match(stored, '^%d+:\n') then
      note_return(id, ARGV[2])
    end
    count = count + 1
  end
end
leave_hints(count, max_hints)
return count
