-- prelude: what every script begins with.
--
-- A message is stored as its rank, a colon, how it came back (empty: it never did), a
-- newline, and its body. How it came back is beside the body, and in no key of its own:
-- without it, a message that may have been started would be taken for a new one.

-- Return a stored message with another text of how it came back.
local function come_back(stored, returned)
  local head, rest = string.match(stored, '^(%d+:)[^\n]*()\n')
  -- What is not stored by push stays as it is, to be quarantined.
  return head and head .. returned .. string.sub(stored, rest) or stored
end

