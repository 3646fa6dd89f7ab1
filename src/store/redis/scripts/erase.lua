-- Erases envelopes, and each bucket that this leaves empty. KEYS: buckets. ARGV, for each: how many numbers follow, and
-- the numbers. What is not there is ignored. [protocol 8]
local at = 1
for i = 1, #KEYS do
  local count = tonumber(ARGV[at])
  local ids = {}
  for j = 1, count do ids[j] = '0-' .. ARGV[at + j] end
  if redis.call('XDEL', KEYS[i], unpack(ids)) > 0 and redis.call('XLEN', KEYS[i]) == 0 then
    redis.call('DEL', KEYS[i])
  end
  at = at + count + 1
end
return 1
