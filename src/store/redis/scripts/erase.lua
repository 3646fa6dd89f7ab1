-- Erases envelopes, and each bucket that this leaves empty. KEYS: buckets. ARGV, for each: how many ids follow, and
-- the ids. What is not there is ignored. Returns for each bucket how many were there. [protocol 8]
local call = redis.call
local at = 1
local erased = {}
for i = 1, #KEYS do
  local count = tonumber(ARGV[at])
  erased[i] = call('XDEL', KEYS[i], unpack(ARGV, at + 1, at + count))
  if erased[i] > 0 and call('XLEN', KEYS[i]) == 0 then call('DEL', KEYS[i]) end
  at = at + count + 1
end
return erased
