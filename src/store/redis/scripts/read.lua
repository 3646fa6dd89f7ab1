-- Reads a bucket after a cursor, or from the start if the bucket is another one than the cursor was set in.
-- KEYS: bucket. ARGV: base and last number of the cursor, both '' without one; most envelopes to return.
-- Returns nothing if there is no such bucket; else its base, the number added last, and number, envelope, number ...
-- The base is the number of the first envelope ever added: numbers count up by one, so it follows from the last of them
-- and from how many there were.
if redis.call('EXISTS', KEYS[1]) == 0 then return {} end
local info = redis.call('XINFO', 'STREAM', KEYS[1])
local last, added
for i = 1, #info, 2 do
  if info[i] == 'last-generated-id' then last = tonumber(string.sub(info[i + 1], 3)) end
  if info[i] == 'entries-added' then added = info[i + 1] end
end
local base = string.format('%.0f', last - added + 1)
local from = '-'
if ARGV[1] == base then from = '(0-' .. ARGV[2] end
local page = {base, string.format('%.0f', last)}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', ARGV[3])) do
  page[#page + 1] = string.sub(entry[1], 3)
  page[#page + 1] = entry[2][2]
end
return page
