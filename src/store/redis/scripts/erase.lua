-- Erases envelopes, and each bucket that this leaves empty. KEYS: buckets. ARGV, for each: how many numbers follow, and
-- the numbers. What is not there is ignored. Returns for each bucket how many were there. [protocol 8]
local at = 1
local erased = {}
for i = 1, #KEYS do
  local count = tonumber(ARGV[at])
  local ids = {}
  for j = 1, count do ids[j] = '0-' .. ARGV[at + j] end
  erased[i] = redis.call('XDEL', KEYS[i], unpack(ids))
  if erased[i] > 0 and redis.call('XLEN', KEYS[i]) == 0 then redis.call('DEL', KEYS[i]) end
  at = at + count + 1
end
return erased
