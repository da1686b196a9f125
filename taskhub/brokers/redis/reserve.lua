-- reserve: hand out the best ready messages to one token.
--
-- KEYS[1] messages     HASH  id → stored message
-- KEYS[2] delayed      ZSET  id → due, ms, Redis's clock
-- KEYS[3] ready        ZSET  id → rank: higher priority first, then older id
-- KEYS[4] held:<token> ZSET  id → the rank it had when it was ready
-- KEYS[5] nodes        ZSET  token → lease end, ms, Redis's clock (0: being reclaimed)
-- KEYS[6] wake         LIST  hints for idle workers
-- KEYS[7] paused       exists while the queue is paused
-- KEYS[8] run          STRING  the server's id of its run, and since when, ms (0: always)
--
-- ARGV[1] token
-- ARGV[2] how many messages at most, up to 1000
-- ARGV[3] how many bytes of each message to return at most; workers refuse longer ones
-- ARGV[4] how many bytes of messages to hand out, roughly; at least one message, if any
--
-- Returns false if the token has no lease; otherwise a list: in how many ms the earliest
-- delayed message is due (-1: none is delayed); since when, in ms, this run of the server
-- has the messages (0: always); for each message: id, stored message, full size in bytes.

local limit = tonumber(ARGV[2])
local max_bytes, room = tonumber(ARGV[3]), tonumber(ARGV[4])
assert(limit and limit >= 1 and limit <= 1000, 'reserve: malformed limit')
assert(max_bytes and room, 'reserve: malformed arguments')
local lease_end = redis.call('ZSCORE', KEYS[5], ARGV[1])
if not lease_end or tonumber(lease_end) == 0 then
  return false
end
if redis.call('EXISTS', KEYS[7]) == 1 then
  return { -1, '0' }
end

local now = now_ms()

-- A server that was restarted, or a replica that was promoted, may lack the last writes:
-- a message that it has as ready may have been run.
local id_now = run_id()
local known_id, since = string.match(redis.call('GET', KEYS[8]) or '', '^(%x*) (%d+)$')
if known_id ~= id_now or tonumber(since) > now then
  since = known_id and string.format('%.0f', now) or '0'
  -- As in heartbeat.lua: a full Redis then allows the SET.
  redis.call('ZREM', KEYS[5], '')
  redis.call('SET', KEYS[8], id_now .. ' ' .. since)
end

-- Move due messages to ready. The limit keeps this script short.
local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, 1000)
for _, id in ipairs(due) do
  local stored = redis.call('HGET', KEYS[1], id)
  redis.call('ZREM', KEYS[2], id)
  -- A message without a body is missing; a sweep pushes it again.
  if stored then
    redis.call('ZADD', KEYS[3], rank_of(stored), id)
  end
end

-- Another program may have written an entry that is never due.
local max_pause_ms = 86400 * 1000
local answer = { -1, since }
local next_due = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
if next_due[2] then
  answer[1] = math.ceil(math.min(math.max(0, next_due[2] - now), max_pause_ms))
end

local popped = redis.call('ZPOPMIN', KEYS[3], limit)
if #popped > 0 then
  for i = 1, #popped, 2 do
    local id = popped[i]
    local stored = room > 0 and redis.call('HGET', KEYS[1], id)
    if stored then
      redis.call('ZADD', KEYS[4], popped[i + 1], id)
      answer[#answer + 1] = id
      answer[#answer + 1] = string.sub(stored, 1, max_bytes)
      answer[#answer + 1] = #stored
      room = room - #stored
    elseif room <= 0 then
      redis.call('ZADD', KEYS[3], popped[i + 1], id)
    end
  end
end
if redis.call('EXISTS', KEYS[3]) == 0 then
  -- No message is ready, so no idle worker has to wake up.
  redis.call('DEL', KEYS[6])
end
return answer
