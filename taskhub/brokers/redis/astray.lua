-- astray: list messages that have a body and no place.
--
-- KEYS[1] messages     HASH  id → stored message
-- KEYS[2] delayed      ZSET  id → due, ms, Redis's clock
-- KEYS[3] ready        ZSET  id → rank: higher priority first, then older id
-- KEYS[4] nodes        ZSET  token → lease end, ms, Redis's clock (0: being reclaimed)
--
-- ARGV[1] the position that the last call returned (0: the beginning)
-- ARGV[2] about how many messages to check
-- ARGV[3…] if there are any: ids to check in place of a search
--
-- Returns the position for the next call (0: all were checked), and the ids.

if #ARGV > 2 then
  local with_body = {}
  for i = 3, #ARGV do
    if redis.call('HEXISTS', KEYS[1], ARGV[i]) == 1 then
      with_body[#with_body + 1] = ARGV[i]
    end
  end
  return { '0', placeless(with_body) }
end

-- From version 7.4 on, Redis can leave out the bodies, which may be large.
local page = redis.pcall('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2], 'NOVALUES')
local step = 1
if page.err then
  page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
  step = 2
end
local ids = {}
for i = 1, #page[2], step do
  ids[#ids + 1] = page[2][i]
end
return { page[1], placeless(ids) }
