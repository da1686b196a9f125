-- reclaim: take back the messages that a dead token held, a batch at a time.
--
-- KEYS[1] messages     HASH  id → stored message
-- KEYS[2] delayed      ZSET  id → due, ms, Redis's clock
-- KEYS[3] ready        ZSET  id → rank: higher priority first, then older id
-- KEYS[4] held:<token> ZSET  id → the rank it had when it was ready
-- KEYS[5] nodes        ZSET  token → lease end, ms, Redis's clock (0: being reclaimed)
-- KEYS[6] wake         LIST  hints for idle workers
--
-- ARGV[1] token
-- ARGV[2] how many messages at most
-- ARGV[3] how many hints wake may have
-- ARGV[4] 1: reclaim in any case; 0: reclaim only if the token's lease has ended
-- ARGV[5] how the messages come back
--
-- Returns how many messages the token held in this batch; if there are fewer than the
-- limit, this was the last batch. The first batch ends the lease for good, so that a token
-- that is alive after all reserves no more. The last batch deletes the token.

local limit, max_hints = tonumber(ARGV[2]), tonumber(ARGV[3])
assert(limit and limit >= 1 and max_hints and ARGV[5], 'reclaim: malformed arguments')

-- The token may have sent a heartbeat since it was found to be silent.
if ARGV[4] ~= '1' and is_alive(ARGV[1]) then
  return 0
end

local held = redis.call('ZRANGE', KEYS[4], 0, limit - 1)
for id, rank in pairs(take_from(ARGV[1], held)) do
  redis.call('ZADD', KEYS[3], rank, id)
  note_return(id, ARGV[5])
end
if #held < limit then
  redis.call('ZREM', KEYS[5], ARGV[1])
elseif redis.call('ZSCORE', KEYS[5], ARGV[1]) then
  redis.call('ZADD', KEYS[5], 0, ARGV[1])
end
leave_hints(#held, max_hints)
return #held
