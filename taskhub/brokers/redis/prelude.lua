-- prelude: the beginning of every script.
--
-- These invariants hold before and after each script, also if keys are evicted, deleted one
-- by one, or written by other programs:
--
-- 1. Each key has the type of its name. Otherwise the script returns DAMAGED and writes
--    nothing, since Redis does not roll back.
-- 2. A message has a body, in `messages`. Its place is exactly one of: delayed, ready, and
--    held by a token in `nodes`. The `held` key of any other token is not a place.
-- 3. A message is present if it is held, or if it is delayed or ready and has a body. Every
--    other message is missing. A missing message that has a body is astray.
-- 4. A push gives a place to missing messages, and does not change present ones.
-- 5. A token changes only the places of messages that it holds. Without a lease, it can
--    give back or delete only messages that have no place.
--
-- A message is stored as its rank, a colon, how it came back (empty: it did not), a
-- newline, and its body. How it came back is stored with the body: in a key of its own it
-- could be lost alone, and a message that was started would be taken for a new one.

local TYPES = {
  messages = 'hash',
  delayed = 'zset',
  ready = 'zset',
  held = 'zset',
  nodes = 'zset',
  wake = 'list',
  mark = 'string',
  owner = 'string',
  run = 'string',
}
-- The common beginning of the names of a queue's keys.
local base = string.match(KEYS[1], '^.-}:')

for _, key in ipairs(KEYS) do
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' then
    local name = string.sub(key, #base + 1)
    local right = TYPES[name] or TYPES[string.match(name, '^%a+')]
    if right and found ~= right then
      -- Read by scripts.py.
      return redis.error_reply('DAMAGED ' .. name .. ' ' .. found)
    end
  end
end

-- Return a stored message with another text for how it came back.
local function come_back(stored, returned)
  local head, rest = string.match(stored, '^(%d+:)[^\n]*()\n')
  -- Text in another format is not changed; a worker quarantines it.
  return head and head .. returned .. string.sub(stored, rest) or stored
end

-- Return a stored message's rank. Text in another format is first, to be quarantined.
local function rank_of(stored)
  local digits = string.match(stored, '^(%d+):')
  return digits and #digits <= 16 and digits or 0
end

-- Return which of these ids are held, as a set.
local function held_among(ids)
  local held = {}
  if #ids == 0 then
    return held
  end
  for _, token in ipairs(redis.call('ZRANGE', base .. 'nodes', 0, -1)) do
    local key = base .. 'held:' .. token
    if redis.call('TYPE', key).ok == 'zset' then
      for i, rank in ipairs(redis.call('ZMSCORE', key, unpack(ids))) do
        if rank then
          held[ids[i]] = true
        end
      end
    end
  end
  return held
end

-- Whether a message is delayed or ready, with a body or not.
local function waits(id)
  return redis.call('ZSCORE', base .. 'ready', id)
    or redis.call('ZSCORE', base .. 'delayed', id)
end

-- Return those of these ids that have no place, in their order.
local function placeless(ids)
  local unheld, found = {}, {}
  for _, id in ipairs(ids) do
    if not waits(id) then
      unheld[#unheld + 1] = id
    end
  end
  local held = held_among(unheld)
  for _, id in ipairs(unheld) do
    if not held[id] then
      found[#found + 1] = id
    end
  end
  return found
end

-- Return those of these ids that are missing, in their order.
local function missing_among(ids)
  local unsure, found = {}, {}
  for _, id in ipairs(ids) do
    if not waits(id) or redis.call('HEXISTS', base .. 'messages', id) == 0 then
      unsure[#unsure + 1] = id
    end
  end
  local held = held_among(unsure)
  for _, id in ipairs(unsure) do
    if not held[id] then
      found[#found + 1] = id
    end
  end
  return found
end

-- Take these ids from a token. Return the ranks by id of those that have a body and that
-- the token may give back: all it held, or without a lease, those with no other place.
local function take_from(token, ids)
  local key = base .. 'held:' .. token
  local taken, ranks = {}, {}
  for _, id in ipairs(ids) do
    local rank = redis.call('ZSCORE', key, id)
    if rank then
      redis.call('ZREM', key, id)
      ranks[id] = rank
      taken[#taken + 1] = id
    end
  end
  local given = taken
  if not redis.call('ZSCORE', base .. 'nodes', token) then
    given = placeless(taken)
  end
  local found = {}
  for _, id in ipairs(given) do
    if redis.call('HEXISTS', base .. 'messages', id) == 1 then
      found[id] = ranks[id]
    end
  end
  return found
end

-- Store how a message comes back; an empty text changes nothing.
local function note_return(id, returned)
  if returned ~= '' then
    local stored = redis.call('HGET', base .. 'messages', id)
    redis.call('HSET', base .. 'messages', id, come_back(stored, returned))
  end
end

-- Add hints for idle workers, as long as the list has fewer than `most`.
local function leave_hints(count, most)
  for _ = 1, math.min(count, most - redis.call('LLEN', base .. 'wake')) do
    redis.call('LPUSH', base .. 'wake', 1)
  end
end

-- Return Redis's time in ms.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The longest lease. A later end is not from taskhub, or the clock was set back since.
local MAX_LEASE_MS = 3600 * 1000

-- Whether a token has a lease that has not ended.
local function is_alive(token)
  local lease_end = tonumber(redis.call('ZSCORE', base .. 'nodes', token) or 0)
  local now = now_ms()
  return lease_end > now and lease_end <= now + MAX_LEASE_MS
end

-- Return the server's run id; empty if the user may not run INFO.
local function run_id()
  local info = redis.pcall('INFO', 'server')
  return type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''
end

