-- What can be told of a key without a byte of what it holds. KEYS: the key. ARGV: '-' or the id to go on after, most
-- entries to look at.
-- Returns: its type, expiry in Unix milliseconds or -1, time of this server in seconds; and for a stream also its consumer
-- groups, the id to go on after or '', entries whose id is not 0-n, entries that are not one field 'e', and of the others
-- each length and how many have it.
local kind = redis.call('TYPE', KEYS[1]).ok
local facts = {kind, redis.call('PEXPIRETIME', KEYS[1]), tonumber(redis.call('TIME')[1])}
if kind ~= 'stream' then return facts end
local info = redis.call('XINFO', 'STREAM', KEYS[1])
for i = 1, #info, 2 do
  if info[i] == 'groups' then facts[4] = info[i + 1] end
end
local from = ARGV[1]
if from ~= '-' then from = '(' .. from end
local entries = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', ARGV[2])
facts[5] = ''
if #entries == tonumber(ARGV[2]) then facts[5] = entries[#entries][1] end
local foreign_ids, foreign_entries, counts = 0, 0, {}
for _, entry in ipairs(entries) do
  local id, fields = entry[1], entry[2]
  if string.sub(id, 1, 2) ~= '0-' then foreign_ids = foreign_ids + 1 end
  if #fields == 2 and fields[1] == 'e' then
    counts[#fields[2]] = (counts[#fields[2]] or 0) + 1
  else
    foreign_entries = foreign_entries + 1
  end
end
facts[6] = foreign_ids
facts[7] = foreign_entries
for length, count in pairs(counts) do
  facts[#facts + 1] = length
  facts[#facts + 1] = count
end
return facts
